"""A PostgreSQL server of the tests' own: it may not run as root, so root lends it the package's user."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Literal

from tests.engines.processes import as_user, folder_of, free_port

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
NEEDS = "the Debian package postgresql"
TIMEOUT_S = 60.0


class PostgresServer:
    """A server on loopback.

    Attributes:
        kind: of the store on it.
        port: where it listens.
    """

    kind: ClassVar[Literal["postgres"]] = "postgres"

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """Return the address of one database."""
        return f"postgresql://resonance@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        """Make the cluster. Its collation is not C on purpose: ours must hold in any database."""
        arguments = ["--username=resonance", "--auth=trust", "--locale=C.UTF-8", "--encoding=UTF8", "--no-sync"]
        subprocess.run(
            as_user("postgres", [_binary("initdb"), f"--pgdata={self._folder}/data", *arguments]), check=True, stdout=-3
        )

    def start(self, *settings: str) -> None:
        """Start the server and wait until it answers."""
        options = ["listen_addresses=127.0.0.1", f"unix_socket_directories={self._folder}", *settings]
        command = [_binary("postgres"), "-D", f"{self._folder}/data", "-p", str(self.port)]
        with (self._folder / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                as_user("postgres", [*command, *(part for option in options for part in ("-c", option))]),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + TIMEOUT_S
        ready = [_binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "postgres.log").read_text()[-2000:])
            time.sleep(0.05)

    @property
    def pid(self) -> int:
        """Its process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def crash(self) -> None:
        """Stop it at once; what was not written yet is lost."""
        command = [_binary("pg_ctl"), "stop", "-D", f"{self._folder}/data", "-m", "immediate"]
        subprocess.run(as_user("postgres", command), check=True, stdout=-3)
        if self._process is not None:
            self._process.wait(TIMEOUT_S)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server for a while."""
    with folder_of("postgres") as folder:
        server = PostgresServer(folder)
        server.create()
        server.start()
        yield server
        server.crash()


def _binary(name: str) -> str:
    return str(BINARIES[0] / name)
