"""What a benchmark found, as a table for people and as JSON for machines."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from resonance import __version__
from resonance.cli.benchmark.control import Control


@dataclass(slots=True)
class Measure:
    """One run of one scenario. A figure that does not apply, or cannot be known of a foreign server, is None.

    Attributes:
        cpu_us: the server's CPU µs per `unit`, derived work included.
        engine_us: that of the engines beside it.
        per_second: units a second.
        ack_ms, delivery_ms, connect_ms: latencies: p50, p99, p99.9.
        kib_per_connection: growth of the server's resident memory per idle connection.
        rss_mib: the server's resident memory at the end.
        ready_s: from the server's start to ready.
        faults: failed checks of loss, doubles and order; `texts` has the first of them.
    """

    scenario: str
    unit: str
    units: int
    per_second: float
    cpu_us: float | None = None
    engine_us: float | None = None
    ack_ms: tuple[float, float, float] | None = None
    delivery_ms: tuple[float, float, float] | None = None
    connect_ms: tuple[float, float, float] | None = None
    kib_per_connection: float | None = None
    rss_mib: float | None = None
    ready_s: float | None = None
    faults: int = 0
    texts: tuple[str, ...] = ()


def percentiles(values: Sequence[float]) -> tuple[float, float, float] | None:
    """Return p50, p99 and p99.9 of some values; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    p50, p99, p999 = (ordered[min(len(ordered) - 1, int(len(ordered) * part))] for part in (0.5, 0.99, 0.999))
    return p50, p99, p999


def print_table(measures: Sequence[Measure], control: Control, console: Console) -> None:
    """Print one line per measure, and the failed checks below."""
    table = Table(title=f"Resonance {__version__} on {machine()}", title_justify="left")
    table.add_column("scenario")
    for name in ("rate", "CPU µs", "ms: p50 / p99 / p99.9", "memory", "checks"):
        table.add_column(name, justify="right")
    for measure in measures:
        table.add_row(*_row(measure))
    console.print(table)
    console.print(
        "[dim]CPU: the server's, user + system, per unit of the rate, derived work included; engines': beside it[/]"
    )
    console.print(f"[dim]This machine, just before: {control}[/]")
    for measure in measures:
        for text in measure.texts:
            console.print(f"[red]{measure.scenario}:[/] ", end="")
            console.print(text, markup=False)


def _row(measure: Measure) -> list[str]:
    latencies = (("ack", measure.ack_ms), ("delivery", measure.delivery_ms), ("connect", measure.connect_ms))
    memory = (_with("KiB/conn", measure.kib_per_connection, 1), _with("MiB", measure.rss_mib, 0))
    return [
        measure.scenario,
        f"{measure.per_second:,.0f}\n{measure.unit}s/s",
        "\n".join(text for text in (_with("", measure.cpu_us, 2), _with("engines", measure.engine_us, 2)) if text),
        "\n".join(f"{name} {_latency(values)}" for name, values in latencies if values),
        "\n".join(text for text in memory if text),
        f"[red]{measure.faults} failed[/]" if measure.faults else "[green]ok[/]",
    ]


def _with(unit: str, value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f} {unit}".rstrip()


def _latency(values: tuple[float, float, float]) -> str:
    return " / ".join(f"{value:.1f}" for value in values)


def as_json(measures: Sequence[Measure], control: Control) -> str:
    """Return everything as one JSON document."""
    return json.dumps(
        {
            "version": __version__,
            "machine": machine(),
            "control": asdict(control),
            "measures": [asdict(one) for one in measures],
        }
    )


def machine() -> str:
    """Say what it ran on."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
