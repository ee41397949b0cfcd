"""`make bench ENGINE=…`: the benchmark over engines that it starts, with their CPU beside the server's.

postgres and mysql are one process of ours over the database server, kafka is one whose messages take the way over
Kafka (`uplink: kafka`), on the embedded store; cluster is a gateway, a logic and a task, each on
its own, on PostgreSQL and etcd. move measures `resonance migrate-store` (`scripts/move.py`).
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.cluster import Processes, settings_of
from scripts.move import MESSAGES, move
from tests.engines.etcd import etcd_server
from tests.engines.kafka import kafka_server
from tests.engines.mariadb import mariadb_server
from tests.engines.postgres import postgres_server

from resonance.cli.benchmark.server import CHEAP_ACCOUNTS, free_port
from resonance.cli.status import Cluster
from resonance.config.load import load

READY_S = 60


def bench(arguments: list[str], environment: dict[str, str]) -> int:
    """Run `resonance bench`; return its exit code."""
    command = [sys.executable, "-c", "from resonance.cli import main; main()", "bench", *arguments]
    return subprocess.run(command, env=os.environ | environment, check=False).returncode


def served(kind: str, arguments: list[str]) -> int:
    """Measure one process over a database server."""
    with postgres_server() if kind == "postgres" else mariadb_server() as server:
        places = {"RESONANCE_STORE__KIND": kind, "RESONANCE_STORE__URL": server.url()}
        return bench([*arguments, "--engine-pid", str(server.pid)], places)


def queued(arguments: list[str]) -> int:
    """Measure one process whose messages take the way over Kafka, on the embedded store."""
    with kafka_server() as server:
        places = {"RESONANCE_UPLINK": "kafka", "RESONANCE_KAFKA__BROKERS": server.address}
        return bench([*arguments, "--engine-pid", str(server.pid)], places)


async def cluster(arguments: list[str], folder: Path) -> int:
    """Measure roles in processes of their own."""
    with ExitStack() as stack:
        postgres, etcd = stack.enter_context(postgres_server()), stack.enter_context(etcd_server())
        places = {
            "RESONANCE_STORE__KIND": "postgres",
            "RESONANCE_STORE__URL": postgres.url(),
            "RESONANCE_REGISTRY__KIND": "etcd",
            "RESONANCE_ETCD__ENDPOINTS": etcd.endpoint,
        }
        environment = settings_of(folder, "local", places) | CHEAP_ACCOUNTS
        port = free_port()
        processes = Processes(folder, environment, port)
        try:
            for role in ("logic", "task", "gateway"):
                await processes.start(role, 0)
            pids, pages = await _ready(environment, folder)
            known = [f"--pid={pid}" for pid in pids] + [f"--metrics={page}" for page in pages]
            engines = [f"--engine-pid={pid}" for pid in (postgres.pid, etcd.pid)]
            url = f"http://127.0.0.1:{port}"
            return await asyncio.to_thread(bench, [*arguments, "--url", url, *known, *engines], {})
        finally:
            await processes.stop()


async def _ready(environment: dict[str, str], folder: Path) -> tuple[list[str], list[str]]:
    """Wait until all three processes are ready; return their ids and metrics pages."""
    async with Cluster(load("gateway", folder=folder, environ=environment).settings) as seen, asyncio.timeout(READY_S):
        while sum(row.health == "ready" for row in await seen.rows()) < 3:  # noqa: ASYNC110 - metrics pages tell nobody
            await asyncio.sleep(0.2)
        known = [instance.metadata for instance in seen.instances()]
    return [metadata["pid"] for metadata in known], [metadata["metrics"] for metadata in known]


def main() -> int:
    """Measure; the first argument is the engine, the rest is for `resonance bench`."""
    engine, *arguments = sys.argv[1:] or [""]
    if engine in {"postgres", "mysql"}:
        return served(engine, arguments)
    if engine == "kafka":
        return queued(arguments)
    if engine == "cluster":
        with tempfile.TemporaryDirectory(prefix="resonance-bench-") as folder:
            return asyncio.run(cluster(arguments, Path(folder)))
    if engine == "move":
        return move(int(arguments[0]) if arguments else MESSAGES)
    sys.stderr.write(f"ENGINE is {engine!r}: choose from postgres, mysql, kafka, cluster and move, or leave it out\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
