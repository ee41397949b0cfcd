"""Real server processes for tests: in one process, or split into roles; started, killed and restarted by the test."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from tests.e2e.clients import fetch

READY_S = 60
LOG_S = 20
POLL_S = 0.1

FAST_HASHES = {
    "RESONANCE_ACCOUNTS__HASH_TIME": "1",
    "RESONANCE_ACCOUNTS__HASH_MEMORY_KIB": "8",
    "RESONANCE_ACCOUNTS__REGISTRATIONS_PER_ADDRESS": "100000",
}


class Process:
    """One role in a process of its own.

    Attributes:
        environment: the variables it starts with the next time.
        addresses: where it listens, from its `ready` line.
        log: its log lines so far, parsed.
    """

    def __init__(self, role: str, folder: Path, environment: dict[str, str]) -> None:
        self.role = role
        self.environment = environment
        self.addresses: dict[str, str] = {}
        self.log: list[dict[str, Any]] = []
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._logged = asyncio.Event()

    async def start(self, *, wait: bool = True) -> None:
        """Start the process, and wait until it says that it is ready. What it said in an earlier life is forgotten."""
        self._ready.clear()
        self.log.clear()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("RESONANCE_")}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "resonance.cli",
            self.role,
            cwd=self._folder,
            env=environment | self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 20,
        )
        self._reader = asyncio.create_task(self._read())
        if wait:
            await self.wait_ready()

    async def wait_ready(self) -> None:
        """Wait for the `ready` line, or fail with what the process said instead."""
        assert self._process is not None
        died = asyncio.create_task(self._process.wait())
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait({died, ready}, timeout=READY_S, return_when=asyncio.FIRST_COMPLETED)
        died.cancel()
        ready.cancel()
        if not self._ready.is_set():
            raise AssertionError(f"{self.role} did not get ready; it said:\n{self.log[-20:]}")

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def send_signal(self, number: int) -> None:
        """Send a signal and wait for nothing."""
        assert self._process is not None
        self._process.send_signal(number)

    async def pause(self) -> None:
        """Stop the process in its tracks (SIGSTOP), and wait until every thread stands still."""
        self.send_signal(signal.SIGSTOP)
        async with asyncio.timeout(LOG_S):
            while not _stands_still(self.pid):  # noqa: ASYNC110
                await asyncio.sleep(0)

    def resume(self) -> None:
        """Let the process go on."""
        self.send_signal(signal.SIGCONT)

    async def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal and wait for the end."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)  # a process that a test has stopped could not obey
        await self.wait_exit()

    async def stop(self) -> int:
        """Stop cleanly (SIGTERM); return the exit code."""
        self.send_signal(signal.SIGTERM)
        return await self.wait_exit()

    async def wait_exit(self) -> int:
        """Wait for the end of the process and of its log; return the exit code."""
        assert self._process is not None
        async with asyncio.timeout(60):
            code = await self._process.wait()
            if self._reader is not None:
                await self._reader
        self._process = None
        return code

    async def wait_log(self, wanted: Callable[[dict[str, Any]], bool], since: int = 0) -> dict[str, Any]:
        """Return the first log line of this sort from line number `since` on, waiting for it."""
        async with asyncio.timeout(LOG_S):
            while True:
                for entry in self.log[since:]:
                    if wanted(entry):
                        return entry
                self._logged.clear()
                await self._logged.wait()

    async def metrics(self) -> dict[str, float]:
        """Return every sample of the metrics page, by name with labels as it is written there."""
        _, text = await fetch(self.addresses["metrics"])
        samples = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}

    async def wait_metrics(self, wanted: Callable[[dict[str, float]], bool]) -> dict[str, float]:
        """Return the samples once they are as wanted; the page tells nobody that it has changed."""
        async with asyncio.timeout(LOG_S):
            while not wanted(samples := await self.metrics()):  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)
        return samples

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            try:
                entry = json.loads(line)
            except ValueError:
                entry = {"event": line.decode(errors="replace").rstrip()}
            self.log.append(entry)
            self._logged.set()
            if entry.get("event") == "ready":
                self.addresses = entry["addresses"]
                self._ready.set()


def _stands_still(pid: int) -> bool:
    """Say whether every thread of a process is stopped: state "T" in proc(5)."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return all((thread / "stat").read_text().rpartition(")")[2].split()[0] == "T" for thread in threads)


class Deployment:
    """A whole server: `serve`, or repo, logic, task and gateway on unix sockets."""

    ROLES: ClassVar[dict[str, list[str]]] = {"serve": ["serve"], "split": ["repo", "logic", "task", "gateway"]}

    def __init__(self, topology: str, folder: Path, **environment: str) -> None:
        self.topology = topology
        self.folder = folder
        # the path of a unix socket is short, and pytest's folders are not: sockets live beside the working directory
        common = {
            "RESONANCE_DATA_DIR": str(folder / "data"),
            "RESONANCE_SERVICE__HTTP_PORT": "0",
            "RESONANCE_SERVICE__GRPC_PORT": "0",
            "RESONANCE_OBSERVABILITY__METRICS__PORT": "0",
            "RESONANCE_OBSERVABILITY__LOG__FORMAT": "json",
            **FAST_HASHES,
            **environment,
        }
        self.environment = common
        self.processes = {role: Process(role, folder, dict(common)) for role in self.ROLES[topology]}

    async def start(self) -> None:
        """Start every role at once: each waits for those that it needs."""
        (self.folder / "data").mkdir(mode=0o700, exist_ok=True)
        await asyncio.gather(*(process.start() for process in self.processes.values()))
        port = self.front.addresses["http"].rsplit(":", 1)[1].rstrip("/")
        # a restarted gateway comes back where clients look for it
        self.front.environment["RESONANCE_SERVICE__HTTP_PORT"] = port

    @property
    def front(self) -> Process:
        """The process with the front door."""
        return self.processes["serve" if self.topology == "serve" else "gateway"]

    @property
    def url(self) -> str:
        """Where the API is."""
        return self.front.addresses["http"].rstrip("/")

    @property
    def writer(self) -> Process:
        """The process that owns the database."""
        return self.processes["serve" if self.topology == "serve" else "repo"]

    @property
    def logic(self) -> Process:
        """The process that accepts messages."""
        return self.processes["serve" if self.topology == "serve" else "logic"]

    @property
    def secret(self) -> bytes:
        """What tokens are signed with."""
        return (self.folder / "data" / "secret").read_bytes()

    @property
    def database(self) -> Path:
        """The database file."""
        return self.folder / "data" / "resonance.db"

    async def kill_and_restart(self, role: str) -> None:
        """kill -9 one role and start it again."""
        await self.processes[role].kill()
        await self.processes[role].start()

    async def command(self, *arguments: str, stdin: str = "") -> tuple[int, str]:
        """Run `resonance …` on this deployment's data; return the exit code and what it said."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("RESONANCE_")}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "resonance.cli",
            *arguments,
            cwd=self.folder,
            env=environment | self.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(READY_S):
            output, _ = await process.communicate(stdin.encode())
        return process.returncode or 0, output.decode()

    async def stop(self) -> None:
        """Stop every role that runs, the front first."""
        for process in reversed(self.processes.values()):
            await process.kill(signal.SIGTERM)
