"""A MariaDB server of the tests' own: it may not run as root, so root lends it the package's user."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Literal

from tests.engines.processes import as_user, folder_of, free_port, make_certificate

DAEMON = "/usr/sbin/mariadbd"
NEEDS = "the Debian package mariadb-server"
TIMEOUT_S = 60.0
_FIRST = """
CREATE USER IF NOT EXISTS 'resonance'@'%' IDENTIFIED BY 'it''s secret';
GRANT ALL ON *.* TO 'resonance'@'%';
CREATE DATABASE IF NOT EXISTS resonance CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
"""
"""The database's collation is of the forgiving kind on purpose: ours must hold in any database."""


class MariaDbServer:
    """A server on loopback.

    Attributes:
        kind: of the store on it.
        port: where it listens.
    """

    kind: ClassVar[Literal["mysql"]] = "mysql"

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "resonance") -> str:
        """Return the address of one database."""
        return f"mysql://resonance:it%27s%20secret@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        """Make the server's own tables."""
        (self._folder / "first.sql").write_text(_FIRST)
        arguments = ["--no-defaults", f"--datadir={self._folder}/data", "--auth-root-authentication-method=normal"]
        command = ["mariadb-install-db", *arguments, "--skip-test-db", "--skip-name-resolve"]
        subprocess.run(as_user("mysql", command), check=True, stdout=-3, stderr=-3)

    def start(self, *settings: str) -> None:
        """Start the server and wait until it answers."""
        options = [
            f"--datadir={self._folder}/data",
            f"--socket={self._folder}/socket",
            # a server that starts clears its folder of temporary tables, and another one's must not be there
            f"--tmpdir={self._folder}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--init-file={self._folder}/first.sql",
            "--skip-name-resolve",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=32M",
            *(f"--{setting}" for setting in settings),
        ]
        with (self._folder / "mariadb.log").open("ab") as log:
            self._process = subprocess.Popen(
                as_user("mysql", [DAEMON, "--no-defaults", *options]),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + TIMEOUT_S
        while subprocess.run(self._ping(), check=False, stdout=-3, stderr=-3).returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "mariadb.log").read_text()[-2000:])
            time.sleep(0.05)

    def _ping(self) -> list[str]:
        return ["mariadb-admin", "--no-defaults", f"--socket={self._folder}/socket", "--user=root", "ping"]

    def encrypt(self) -> Path:
        """Start it anew with a certificate for `localhost`, which is returned, and refuse what is not encrypted."""
        certificate, key = make_certificate(self._folder, "mysql")
        self.crash()
        self.start(f"ssl-cert={certificate}", f"ssl-key={key}", "require-secure-transport=ON")
        return certificate

    @property
    def pid(self) -> int:
        """Its process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def crash(self) -> None:
        """Kill it; what was not written yet is lost."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(TIMEOUT_S)


@contextmanager
def mariadb_server(*settings: str) -> Iterator[MariaDbServer]:
    """Run a server for a while."""
    with folder_of("mysql") as folder:
        server = MariaDbServer(folder)
        server.create()
        server.start(*settings)
        try:
            yield server
        finally:
            server.crash()
