"""A cluster of real processes that find one another in etcd, over a database server: several of each role."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from tests.e2e.servers import FAST_HASHES, Process

TTL_S = 2


class Cluster:
    """Processes by name, `logic-0`; all but the front doors listen where only the registry knows.

    Attributes:
        processes: in the order in which they are started.
    """

    def __init__(self, folder: Path, counts: dict[str, int], **environment: str) -> None:
        self.folder = folder
        self.environment = {
            "RESONANCE_DATA_DIR": str(folder / "data"),
            "RESONANCE_SERVICE__HTTP_PORT": "0",
            "RESONANCE_SERVICE__GRPC_PORT": "0",
            "RESONANCE_OBSERVABILITY__METRICS__PORT": "0",
            "RESONANCE_OBSERVABILITY__LOG__FORMAT": "json",
            "RESONANCE_ROLES__LOGIC_LISTEN": "127.0.0.1:0",
            "RESONANCE_ROLES__REPO_LISTEN": "127.0.0.1:0",
            "RESONANCE_REGISTRY__KIND": "etcd",
            "RESONANCE_REGISTRY__TTL": str(TTL_S),
            "RESONANCE_REGISTRY__SETTLE": "0.5",
            **FAST_HASHES,
            **environment,
        }
        self.processes: dict[str, Process] = {}
        for role, count in counts.items():
            for number in range(count):
                own = {**self.environment, "RESONANCE_SERVICE__INSTANCE": str(number)}
                self.processes[f"{role}-{number}"] = Process(role, folder, own)

    async def start(self) -> None:
        """Start all at once: each waits for those that it needs."""
        (self.folder / "data").mkdir(mode=0o700, exist_ok=True)
        await asyncio.gather(*(process.start() for process in self.processes.values()))
        for name, process in self.processes.items():
            if name.startswith("gateway"):  # it comes back where clients look for it
                port = process.addresses["http"].rsplit(":", 1)[1].rstrip("/")
                process.environment["RESONANCE_SERVICE__HTTP_PORT"] = port

    def url(self, number: int = 0) -> str:
        """Where a gateway's API is."""
        return self.processes[f"gateway-{number}"].addresses["http"].rstrip("/")

    async def kill_and_restart(self, name: str) -> None:
        """kill -9 one process and start it again."""
        await self.processes[name].kill()
        await self.processes[name].start()

    async def roll(self, name: str) -> None:
        """Stop one process as an operator would, and start its successor."""
        assert await self.processes[name].stop() == 0, f"{name} did not stop cleanly"
        await self.processes[name].start()

    async def stop(self) -> None:
        """Stop all that run, the front first."""
        for process in reversed(self.processes.values()):
            await process.kill(signal.SIGTERM)
