"""An etcd server of the tests' own."""

from __future__ import annotations

import base64
import json
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.engines.processes import free_port, make_certificate

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
            self._process = subprocess.Popen(["etcd", *arguments], stdout=output, stderr=output, start_new_session=True)
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

    def replace(self, prefix: str, values: Mapping[str, str]) -> None:
        """Make these keys all that begin with a prefix, in one transaction; over HTTP, as people's tools may do it."""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        there = self._post("range", {"key": _base64(prefix), "range_end": _base64(end)}).get("kvs", [])
        old = [kv["key"] for kv in there if base64.b64decode(kv["key"]).decode() not in values]
        changes = [{"requestDeleteRange": {"key": key}} for key in old]
        changes += [{"requestPut": {"key": _base64(key), "value": _base64(text)}} for key, text in values.items()]
        self._post("txn", {"success": changes})

    def _post(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(f"{self._scheme}://{self.endpoint}/v3/kv/{what}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            decoded: dict[str, Any] = json.load(answer)
            return decoded

    def encrypt(self) -> None:
        """Make a certificate for `localhost` and take only encrypted connections from the next start on."""
        certificate, key = make_certificate(self._folder)
        self._scheme = "https"
        self._options = [f"--cert-file={certificate}", f"--key-file={key}"]

    @property
    def pid(self) -> int:
        """Its process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def crash(self) -> None:
        """Kill it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(TIMEOUT_S)

    def forget(self) -> None:
        """Delete its data: at the next start it is another cluster."""
        shutil.rmtree(self._folder / "data")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


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
