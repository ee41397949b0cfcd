"""An etcd server of the tests' own."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines.processes import free_port

TIMEOUT_S = 30.0


class EtcdServer:
    """A member on loopback, a cluster of its own.

    Attributes:
        endpoint: where it listens, `host:port`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._peer = free_port()
        self._port = free_port()
        self._scheme = "http"
        self._options: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """Where it listens: by name, for its certificate is made out to that."""
        return f"localhost:{self._port}"

    @property
    def certificate(self) -> Path:
        """Its certificate, once it was started with `encrypt`."""
        return self._folder / "certificate.pem"

    def start(self) -> None:
        """Start it, with the data of its former life if there are any, and wait until it serves."""
        clients, peers = f"{self._scheme}://127.0.0.1:{self._port}", f"http://127.0.0.1:{self._peer}"
        arguments = [
            f"--data-dir={self._folder}/data",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            *self._options,
        ]
        log = self._folder / "etcd.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(["etcd", *arguments], stdout=output, stderr=output)
        deadline = time.monotonic() + TIMEOUT_S
        while not self._healthy():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text()[-2000:])
            time.sleep(0.02)

    def _healthy(self) -> bool:
        trust = ssl.create_default_context(cafile=self.certificate) if self._scheme == "https" else None
        try:
            with urllib.request.urlopen(f"{self._scheme}://{self.endpoint}/health", context=trust, timeout=5) as answer:
                return bool(json.load(answer)["health"] == "true")
        except OSError:
            return False

    def encrypt(self) -> None:
        """Make a certificate for `localhost` and take only encrypted connections from the next start on."""
        key = self._folder / "key.pem"
        request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
        names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(self.certificate)]
        subprocess.run([*request, *names], check=True, stdout=-3, stderr=-3)
        self._scheme = "https"
        self._options = [f"--cert-file={self.certificate}", f"--key-file={key}"]

    def crash(self) -> None:
        """Kill it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(TIMEOUT_S)

    def forget(self) -> None:
        """Delete its data: at the next start it is another cluster."""
        shutil.rmtree(self._folder / "data")


@contextmanager
def etcd_server() -> Iterator[EtcdServer]:
    """Run a server for a while."""
    folder = Path(tempfile.mkdtemp(prefix="resonance-etcd-"))
    server = EtcdServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.crash()
        shutil.rmtree(folder, ignore_errors=True)
