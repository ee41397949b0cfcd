"""A local cluster to try: the engines, and several processes of each role, until Ctrl-C. Its data go with it.

The engines are those that the tests start: real servers on free ports, in temporary folders; `make engines` installs
them.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import structlog
from rich.console import Console
from rich.live import Live
from tests.engines.etcd import etcd_server
from tests.engines.kafka import kafka_server
from tests.engines.postgres import postgres_server
from tests.engines.redis import redis_server

from resonance.cli.status import Cluster, table
from resonance.config.load import load

READY_S = 60.0
STOP_S = 30.0


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(prog="make cluster", description=__doc__.partition("\n")[0])
    for role, usual in (("gateways", 2), ("logics", 2), ("tasks", 2)):
        parser.add_argument(f"--{role}", type=int, default=usual, metavar="N", help=f"processes (default {usual})")
    parser.add_argument(
        "--repo",
        choices=("local", "remote"),
        default="local",
        help="repo inside logic and task, or as one more process",
    )
    parser.add_argument(
        "--uplink", choices=("stream", "kafka"), default="stream", help="how messages get from gateways to logic"
    )
    parser.add_argument("--port", type=int, default=8080, metavar="N", help="of the first gateway; others follow it")
    return parser.parse_args()


@contextmanager
def engines(console: Console) -> Iterator[dict[str, str]]:
    """Start the engines; yield the variables that say where they are."""
    with ExitStack() as stack:
        console.print("starting PostgreSQL, etcd, Redis and Kafka")
        postgres = stack.enter_context(postgres_server())
        etcd = stack.enter_context(etcd_server())
        redis = stack.enter_context(redis_server())
        kafka = stack.enter_context(kafka_server())
        yield {
            "RESONANCE_STORE__KIND": "postgres",
            "RESONANCE_STORE__URL": postgres.url(),
            "RESONANCE_REGISTRY__KIND": "etcd",
            "RESONANCE_ETCD__ENDPOINTS": etcd.endpoint,
            "RESONANCE_REDIS__URL": redis.url,
            "RESONANCE_ROUTES__KIND": "redis",
            "RESONANCE_COUNTERS__KIND": "redis",
            "RESONANCE_KAFKA__BROKERS": kafka.address,
            "RESONANCE_BUS__KIND": "kafka",
        }


def commands(options: argparse.Namespace) -> list[tuple[str, int]]:
    """Return (role, number) of every process, in the order in which they are started."""
    counts = {"logic": options.logics, "task": options.tasks, "gateway": options.gateways}
    if options.repo == "remote":
        counts = {"repo": 1, **counts}
    return [(role, number) for role, count in counts.items() for number in range(count)]


def settings_of(folder: Path, repo: str, places: dict[str, str]) -> dict[str, str]:
    """Return the environment of every process.

    Args:
        repo: local or remote.
        places: where engines are.
    """
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("RESONANCE_")},
        "RESONANCE_DATA_DIR": str(folder),
        "RESONANCE_SERVICE__GRPC_PORT": "0",
        "RESONANCE_OBSERVABILITY__METRICS__PORT": "0",
        "RESONANCE_ROLES__LOGIC_LISTEN": "127.0.0.1:0",
        "RESONANCE_ROLES__REPO_LISTEN": "127.0.0.1:0",
        "RESONANCE_ROLES__REPO": repo,
        **places,
    }


class Processes:
    """The processes of the cluster; each writes its log to a file of its own."""

    def __init__(self, folder: Path, environment: dict[str, str], port: int) -> None:
        self._folder = folder
        self._environment = environment
        self._port = port
        self._running: list[tuple[str, asyncio.subprocess.Process]] = []

    async def start(self, role: str, number: int) -> None:
        """Start a process."""
        own = {"RESONANCE_SERVICE__INSTANCE": str(number)}
        if role == "gateway":
            own["RESONANCE_SERVICE__HTTP_PORT"] = str(self._port + number)
        with (self._folder / f"{role}-{number}.log").open("wb") as log:
            command = [sys.executable, "-m", "resonance.cli", role]
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=self._folder,
                env=self._environment | own,
                stdin=-3,
                stdout=-3,
                stderr=log,
                start_new_session=True,
            )
        self._running.append((f"{role}-{number}", process))

    def dead(self) -> list[str]:
        """Return the names of those that have ended."""
        return [name for name, process in self._running if process.returncode is not None]

    async def stop(self) -> None:
        """Stop all, the front first."""
        for _, process in reversed(self._running):
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()


async def run(options: argparse.Namespace, console: Console, folder: Path, places: dict[str, str]) -> None:
    """Start everything, show it until Ctrl-C, stop everything."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    environment = settings_of(folder, options.repo, places) | {"RESONANCE_UPLINK": options.uplink}
    processes = Processes(folder, environment, options.port)
    try:
        wanted = commands(options)
        for role, number in wanted:
            await processes.start(role, number)
        async with Cluster(load("gateway", folder=folder, environ=environment).settings) as cluster:
            await show(cluster, processes, console, stop, len(wanted), options.port, folder)
    finally:
        console.print("stopping")
        await processes.stop()


async def show(
    cluster: Cluster,
    processes: Processes,
    console: Console,
    stop: asyncio.Event,
    wanted: int,
    port: int,
    folder: Path,
) -> None:
    """Show the table until told to stop, and say once that all are there; without a terminal, only that."""
    told = False
    deadline = asyncio.get_running_loop().time() + READY_S
    with Live(console=console, refresh_per_second=2) if console.is_terminal else ExitStack() as live:
        while not stop.is_set():
            rows = await cluster.rows()
            if isinstance(live, Live):
                live.update(table(rows))
            if not told and sum(row.health == "ready" for row in rows) == wanted:
                told = True
                if not isinstance(live, Live):
                    console.print(table(rows))
                console.print(f"ready: http://localhost:{port}/  (logs are in {folder}; Ctrl-C stops everything)")
            if not told and (processes.dead() or asyncio.get_running_loop().time() > deadline):
                names = processes.dead() or ["some process"]
                raise SystemExit(f"{', '.join(names)} did not get ready: {_last_words(folder, names[0])}")
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await stop.wait()


def _last_words(folder: Path, name: str) -> str:
    log = folder / f"{name}.log"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(lines[-5:]) or "it said nothing"


def main() -> None:
    """Run a cluster."""
    options = arguments()
    # what a process says is in its log; the table says who is there
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    console = Console(highlight=False, soft_wrap=True)
    folder = Path(tempfile.mkdtemp(prefix="resonance-cluster-"))
    try:
        with engines(console) as places:
            asyncio.run(run(options, console, folder, places))
    except FileNotFoundError as error:
        raise SystemExit(f"{error.filename} is missing: make engines installs it") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
