"""`resonance status`: which processes there are, as the registry and their own metrics pages tell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Self

import httpx2
import typer
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.live import Live
from rich.table import Table

from resonance.cli.options import Env, Folder, load_options
from resonance.cli.plain import fail
from resonance.config import Settings
from resonance.discovery import TASK_SERVICE, make_registry
from resonance.ports.registry import Instance, Registry, Watch

TIMEOUT_S = 2.0
"""Longest time that a process may take to answer."""
_COLOURS = {"ready": "green", "draining": "yellow", "not ready": "yellow", "unreachable": "red"}
_CONNECTIONS = "gateway_websocket_connections_active"
_LAG = "task_lag_events"


@dataclass(frozen=True, slots=True)
class Row:
    """One process.

    Attributes:
        health: ready, draining, not ready, unreachable, or "" when nobody knows where to ask.
        connections: clients' WebSocket connections, of a gateway.
        lag: events that task has not worked off; the largest number of its consumers.
    """

    role: str
    instance: str
    address: str
    health: str
    connections: int | None
    lag: int | None
    version: str


def status(
    config: Folder = None,
    env: Env = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it anew every second, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON per process.")] = False,
) -> None:
    """Show the processes of a cluster: role, address, health, connections, lag.

    They are those that the registry knows (registry.kind: etcd); without one, the addresses in `endpoints`.

    \b
    Examples:
      RESONANCE_REGISTRY__KIND=etcd RESONANCE_ETCD__ENDPOINTS=localhost:2379 resonance status
      resonance status --watch
    """
    settings = load_options("gateway", config, env).settings
    asyncio.run(_show(settings, watch=watch, as_json=as_json))


async def _show(settings: Settings, *, watch: bool, as_json: bool) -> None:
    async with Cluster(settings) as cluster:
        rows = await cluster.rows()
        if as_json:
            for row in rows:
                typer.echo(json.dumps(asdict(row), ensure_ascii=False))
        elif watch:
            with Live(table(rows), console=Console()) as live:
                while True:
                    await asyncio.sleep(1)
                    live.update(table(await cluster.rows()))
        else:
            Console().print(table(rows))
    if not rows:
        fail("nobody is registered: is etcd.prefix right, and does any role run with registry.kind: etcd?")


class Cluster:
    """What there is, seen from outside; an asynchronous context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._registry: Registry = make_registry(settings)
        self._watches: list[Watch] = []
        self._client = httpx2.AsyncClient(timeout=TIMEOUT_S, trust_env=False)

    async def __aenter__(self) -> Self:
        """Begin to watch."""
        settings = self._settings
        names = [settings.service.name, settings.logic_service_name, TASK_SERVICE, settings.repo_service_name]
        if settings.registry.kind == "static":
            names = [name for name in names if name in settings.endpoints]
        self._watches = [await self._registry.watch(name) for name in names]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Look away."""
        await self._registry.close()
        await self._client.aclose()

    def instances(self) -> list[Instance]:
        """Return the processes that are known now, roles from the front to the back."""
        return [instance for watch in self._watches for instance in watch.instances]

    async def rows(self) -> list[Row]:
        """Return a row per process that is known now."""
        return await asyncio.gather(*(self._row(instance) for instance in self.instances()))

    async def _row(self, instance: Instance) -> Row:
        metrics = instance.metadata.get("metrics", "")
        health, samples = await self._ask(metrics) if metrics else ("", {})
        if health == "ready" and instance.draining:
            health = "draining"
        return Row(
            instance.metadata.get("role", instance.service),
            instance.id,
            instance.metadata.get("http", instance.address),
            health,
            samples.get(_CONNECTIONS) if instance.metadata.get("role") == "gateway" else None,
            samples.get(_LAG),
            instance.metadata.get("version", ""),
        )

    async def _ask(self, metrics: str) -> tuple[str, dict[str, int]]:
        """Return the health that a process tells, and the largest sample of each of its metrics."""
        try:
            ready = await self._client.get(str(httpx2.URL(metrics).copy_with(path="/readyz")))
            page = await self._client.get(metrics)
        except httpx2.HTTPError:
            return "unreachable", {}
        samples: dict[str, int] = {}
        for family in text_string_to_metric_families(page.text):
            for sample in family.samples:
                samples[sample.name] = max(int(sample.value), samples.get(sample.name, 0))
        return ("ready" if ready.status_code == httpx2.codes.OK else "not ready"), samples


def table(rows: Sequence[Row]) -> Table:
    """Return a table of processes; colours only where the terminal shows them."""
    made = Table(box=None, pad_edge=False)
    for name in ("role", "instance", "address"):
        made.add_column(name, no_wrap=True)
    made.add_column(
        "health", no_wrap=True, min_width=max(map(len, _COLOURS))
    )  # in a narrow terminal, addresses give way
    for name in ("connections", "lag"):
        made.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    for row in rows:
        colour = _COLOURS.get(row.health, "dim")
        cells = (row.role, row.instance, row.address, f"[{colour}]{row.health or 'unknown'}[/]")
        made.add_row(*cells, _number(row.connections), _number(row.lag))
    return made


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
