"""`resonance bench`: measure the server on this machine."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from resonance.cli.benchmark.control import take as take_control
from resonance.cli.benchmark.report import Measure, as_json, print_table
from resonance.cli.benchmark.scenarios import SCENARIOS, Bench, Plan
from resonance.cli.plain import fail
from resonance.config.settings import Log
from resonance.observe.logging import configure

MAX_SECONDS = 600
MAX_CONNECTIONS = 20_000


def bench(
    scenarios: Annotated[
        list[str] | None, typer.Argument(metavar="[SCENARIO]…", help=f"{', '.join(SCENARIOS)}; all when none is named.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    preload: Annotated[
        int, typer.Option(min=0, max=50_000_000, help="Messages stored before saturated and rate begin.")
    ] = 0,
    connections: Annotated[
        int, typer.Option(min=2, max=MAX_CONNECTIONS, help="Connections of saturated and rate.")
    ] = 100,
    conversations: Annotated[
        int | None, typer.Option(min=1, help="Conversations of two they chat in; half the connections by default.")
    ] = None,
    in_flight: Annotated[int, typer.Option(min=1, max=256, help="Messages without an ack per connection.")] = 4,
    seconds: Annotated[float, typer.Option(min=0.1, max=MAX_SECONDS, help="How long each load lasts.")] = 10,
    rate: Annotated[float, typer.Option(min=1, help="Messages a second that rate offers.")] = 2_000,
    members: Annotated[
        list[int] | None, typer.Option(min=2, max=MAX_CONNECTIONS, help="Group sizes of fanout; may be repeated.")
    ] = None,
    idle: Annotated[int, typer.Option(min=100, max=MAX_CONNECTIONS, help="Connections of storm and idle.")] = 2_000,
    drivers: Annotated[int, typer.Option(min=1, max=16, help="Processes that drive saturated and rate.")] = 1,
    url: Annotated[str, typer.Option(help="A server that runs already.")] = "",
    pid: Annotated[list[int] | None, typer.Option(help="A process of it, to know its CPU and memory.")] = None,
    metrics: Annotated[list[str] | None, typer.Option(help="A metrics page of it, to wait for derived work.")] = None,
    engine_pid: Annotated[list[int] | None, typer.Option(help="First process of an engine, to know its CPU.")] = None,
) -> None:
    """Measure the server on this machine: CPU, rate, latency, memory.

    Each scenario starts a server of its own with its data in a temporary folder, drives it from further processes and
    checks that no message is lost, doubled or out of order. Exit code 1 when a check fails.

    \b
    Examples:
      resonance bench
      resonance bench saturated --preload 1000000
      resonance bench fanout --members 1000 --seconds 5 --json
    """
    unknown = set(scenarios or ()) - set(SCENARIOS)
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose from {', '.join(SCENARIOS)}")
    pairs = conversations or connections // 2
    if pairs * 2 != connections:
        raise typer.BadParameter(f"{connections} connections are {connections // 2} conversations of two, not {pairs}")
    if drivers > pairs:
        raise typer.BadParameter(f"{drivers} drivers for {pairs} conversations: each needs one at least")
    configure(Log(level="warning"), "bench")
    _allow_files()
    plan = Plan(
        url=url.rstrip("/"),
        pids=tuple(pid or ()),
        metrics=tuple(metrics or ()),
        engines=tuple(engine_pid or ()),
        preload=preload,
        connections=connections,
        conversations=pairs,
        in_flight=in_flight,
        rate=rate,
        seconds=seconds,
        members=tuple(members or Plan().members),
        idle=idle,
        drivers=drivers,
    )
    control = take_control()
    measures = _run(plan, scenarios or list(SCENARIOS), quiet=json)
    if json:
        typer.echo(as_json(measures, control))
    else:
        print_table(measures, control, Console())
    if any(measure.faults for measure in measures):
        fail("a check failed: messages were lost, doubled, refused or out of order")


def _run(plan: Plan, names: Sequence[str], *, quiet: bool) -> list[Measure]:
    """Run scenarios with a progress bar on standard error."""
    columns = (
        SpinnerColumn(), TextColumn("{task.fields[scenario]}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("[dim]{task.description}"), TimeElapsedColumn(),
    )  # fmt: skip
    console = Console(stderr=True, quiet=quiet and not sys.stderr.isatty())
    measures: list[Measure] = []
    with Progress(*columns, console=console, transient=True) as progress:
        whole = progress.add_task("", scenario="scenarios", total=len(names))
        part = progress.add_task("", scenario="", total=None, visible=False)

        def step(text: str, done: int, total: int) -> None:
            progress.update(whole, description=text)
            progress.update(part, description=text, total=total or None, visible=bool(total), advance=done)

        for name in names:
            progress.update(whole, scenario=name)
            measures += SCENARIOS[name](Bench(plan, step))
            progress.advance(whole)
    return measures


def _allow_files() -> None:
    """Let this process and those it starts open a file per connection, as far as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MAX_CONNECTIONS
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
