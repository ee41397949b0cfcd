"""The server under measurement: started as a process of its own, watched through /proc and its metrics page."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

READY_TIMEOUT = 30.0
DRAIN_TIMEOUT = 120.0
PAUSE = 0.1
"""Seconds between two looks at the metrics page; derived work is done when two looks agree."""
_TICKS = os.sysconf("SC_CLK_TCK")
_WORK = re.compile(rb"^(task_lag_events|task_events_total|logic_queue_length)(\{[^}]*\})? ([0-9.e+]+)$", re.MULTILINE)

CHEAP_ACCOUNTS = {
    "RESONANCE_ACCOUNTS__HASH_TIME": "1",
    "RESONANCE_ACCOUNTS__HASH_MEMORY_KIB": "8",
    "RESONANCE_ACCOUNTS__REGISTRATIONS_PER_ADDRESS": "1000000",
    "RESONANCE_ACCOUNTS__ATTEMPTS_PER_ADDRESS": "1000000",
    "RESONANCE_WS_CONFIG__MAX_CONNECTIONS_PER_USER": "1000",
    "RESONANCE_OBSERVABILITY__LOG__LEVEL": "warning",
    "RESONANCE_OBSERVABILITY__TRACE__DISABLE": "true",
}
"""What makes room for many users; nothing on the path of messages."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        metrics: URL of the metrics page, "" for a foreign server: then nothing is known of its work and CPU.
        pid: its process, 0 for a foreign one.
        ready_after: seconds from start to ready.
    """

    url: str
    metrics: str = ""
    pid: int = 0
    ready_after: float = 0.0

    def cpu(self) -> float:
        """Return the CPU seconds used so far, user and system, of all threads (proc(5): fields 14 and 15)."""
        if not self.pid:
            return 0.0
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def rss(self) -> int:
        """Return the resident memory in bytes."""
        if not self.pid:
            return 0
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def drain(self) -> None:
        """Wait until all derived work is done.

        Raises:
            TimeoutError: it is not after `DRAIN_TIMEOUT` seconds.
        """
        if not self.metrics:
            return
        deadline = time.monotonic() + DRAIN_TIMEOUT
        before: dict[bytes, float] = {}
        with httpx2.Client(timeout=10, trust_env=False) as http:
            while time.monotonic() < deadline:
                now = _work(http.get(self.metrics).content)
                waiting = sum(value for name, value in now.items() if not name.startswith(b"task_events_total"))
                if waiting == 0 and now == before:
                    return
                before = now
                time.sleep(PAUSE)
        raise TimeoutError(f"derived work was not done {DRAIN_TIMEOUT:.0f} s after the load: {before}")


def _work(page: bytes) -> dict[bytes, float]:
    """Return what a metrics page says of work that is done and work that waits."""
    return {name + labels: float(value) for name, labels, value in _WORK.findall(page)}


@contextmanager
def started(folder: Path, environment: dict[str, str] | None = None) -> Iterator[Server]:
    """Start `resonance serve` on free ports with its data in `folder`; at the end it is stopped.

    Raises:
        RuntimeError: it ended, or was not ready in time; the text holds the end of its log.
    """
    port, metrics_port = free_port(), free_port()
    log = folder / "server.log"
    command = [sys.executable, "-c", "from resonance.cli import main; main()", "serve", "--port", str(port)]
    env = os.environ | CHEAP_ACCOUNTS | (environment or {})
    env["RESONANCE_OBSERVABILITY__METRICS__PORT"] = str(metrics_port)
    begin = time.perf_counter()
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603  # our own program
            [*command, "--data-dir", str(folder / "data")], stdout=out, stderr=subprocess.STDOUT, env=env, cwd=folder
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_ready(process, url, log)
        yield Server(url, f"http://127.0.0.1:{metrics_port}/metrics", process.pid, time.perf_counter() - begin)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT
    with httpx2.Client(timeout=5, trust_env=False) as http:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if http.get(f"{url}/readyz").status_code == 200:
                    return
            except httpx2.TransportError:
                time.sleep(0.02)
    tail = log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"the server was not ready in {READY_TIMEOUT:.0f} s; its log ends with:\n{tail}")


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
