"""The server under measurement: started as a process of its own, watched through /proc and its metrics page."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
        metrics: URLs of its processes' metrics pages; without them nothing is known of its work.
        pids: its processes; without them nothing is known of its CPU and memory.
        engines: the first processes of the engines beside it, on this machine.
        ready_after: seconds from start to ready.
    """

    url: str
    metrics: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()
    engines: tuple[int, ...] = ()
    ready_after: float = 0.0

    def cpu(self) -> float:
        """Return the CPU seconds that the server has used so far, user and system, of all threads."""
        return sum(sum(_times(pid)[:2]) for pid in self.pids)

    def engine_cpu(self) -> float:
        """Return the CPU seconds that the engines have used so far, with the processes that they started."""
        return sum(_tree_cpu(pid) for pid in self.engines)

    def rss(self) -> int:
        """Return the resident memory in bytes."""
        statuses = (Path(f"/proc/{pid}/status").read_text() for pid in self.pids)
        return sum(int(status.partition("VmRSS:")[2].split()[0]) * 1024 for status in statuses)

    def drain(self) -> None:
        """Wait until all derived work is done.

        Raises:
            TimeoutError: it is not after `DRAIN_TIMEOUT` seconds.
        """
        if not self.metrics:
            return
        deadline = time.monotonic() + DRAIN_TIMEOUT
        before: dict[tuple[str, bytes], float] = {}
        with httpx2.Client(timeout=10, trust_env=False) as http:
            while time.monotonic() < deadline:
                now = {
                    (page, name): value
                    for page in self.metrics
                    for name, value in _work(http.get(page).content).items()
                }
                waiting = sum(value for (_, name), value in now.items() if not name.startswith(b"task_events_total"))
                if waiting == 0 and now == before:
                    return
                before = now
                time.sleep(PAUSE)
        raise TimeoutError(f"derived work was not done {DRAIN_TIMEOUT:.0f} s after the load: {before}")


def _times(pid: int) -> tuple[float, float, float, float]:
    """Return a process's CPU seconds, user and system, and those of its ended children (proc(5): fields 14 to 17)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system, children_user, children_system = (int(field) / _TICKS for field in fields[11:15])
    return user, system, children_user, children_system


def _tree_cpu(pid: int) -> float:
    """Return the CPU seconds of a process and its children, ended ones included."""
    total = sum(_times(pid))
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            with suppress(FileNotFoundError):  # it has just ended, and counts with its parent's
                total += _tree_cpu(int(child))
    return total


def _work(page: bytes) -> dict[bytes, float]:
    """Return what a metrics page says of work that is done and work that waits."""
    return {name + labels: float(value) for name, labels, value in _WORK.findall(page)}


@contextmanager
def started(folder: Path, environment: dict[str, str] | None = None, engines: tuple[int, ...] = ()) -> Iterator[Server]:
    """Start `resonance serve` on free ports with its data in `folder`; at the end it is stopped.

    Args:
        engines: processes of the engines that its environment names.

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
        metrics = f"http://127.0.0.1:{metrics_port}/metrics"
        yield Server(url, (metrics,), (process.pid,), engines, time.perf_counter() - begin)
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
