"""A Redis server of the tests' own."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines.processes import free_port, make_certificate

TIMEOUT_S = 30.0


class RedisServer:
    """A server on loopback that writes nothing to disk unless it is told to.

    Attributes:
        port: where it listens, also after a restart.
        options: what else it is started with.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.options: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def certificate(self) -> Path:
        """Its certificate, once it has one."""
        return self.folder / "certificate.pem"

    def encrypt(self) -> int:
        """Make a certificate for `localhost`; return the port that takes encrypted connections after the next start."""
        port = free_port()
        certificate, key = make_certificate(self.folder)
        files = ["--tls-cert-file", str(certificate), "--tls-key-file", str(key), "--tls-auth-clients", "no"]
        self.options += ["--tls-port", str(port), *files]
        return port

    @property
    def url(self) -> str:
        """Where it is, for clients."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, with what was saved in its former life if anything was, and wait until it serves."""
        where = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""]
        log = self.folder / "redis.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["redis-server", *where, *self.options], stdout=output, stderr=output, start_new_session=True
            )
        deadline = time.monotonic() + TIMEOUT_S
        while not self._serves():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text()[-2000:])
            time.sleep(0.02)

    def _serves(self) -> bool:
        try:
            return self.command("PING").startswith(("+PONG", "-NOAUTH", "+OK"))
        except OSError:
            return False

    def command(self, *words: str) -> str:
        """Send one command and return the answer as it comes, with a connection of its own."""
        text = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(text.encode())
            return connection.recv(65_536).decode()

    def flush(self) -> None:
        """Delete everything in it."""
        assert self.command("FLUSHALL").startswith("+OK")

    def save(self) -> None:
        """Write everything to disk: the next start begins with that."""
        assert self.command("SAVE").startswith("+OK")

    def freeze(self) -> None:
        """Let it neither answer nor close anything, until `thaw`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def crash(self) -> None:
        """Kill it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(TIMEOUT_S)


@contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """Run a server for a while."""
    folder = Path(tempfile.mkdtemp(prefix="resonance-redis-"))
    server = RedisServer(folder)
    server.options = list(options)
    try:
        server.start()
        yield server
    finally:
        server.crash()
        shutil.rmtree(folder, ignore_errors=True)
