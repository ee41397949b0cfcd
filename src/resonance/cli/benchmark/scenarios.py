"""What is measured: each scenario prepares people, lets drivers load the server and reads what that cost.

CPU is that of the server's process, user and system, from the first send until derived work has drained.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from resonance.cli.benchmark import accounts
from resonance.cli.benchmark.drive import Drivers, driving
from resonance.cli.benchmark.jobs import GroupJob, HoldJob, Job, Outcome, PairsJob
from resonance.cli.benchmark.preload import preload
from resonance.cli.benchmark.report import Measure, percentiles
from resonance.cli.benchmark.server import Server, started

WARM = 50
"""Connections opened before memory is measured, so that first-time costs do not count."""
PER_USER = 50
"""Connections per user where it does not matter whose they are."""
SETTLE = 1.0
"""Seconds before memory is read."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything.

    Attributes:
        url: a server that runs already; "" starts one per scenario.
        pids: the processes of that server.
        metrics: their metrics pages.
        engines: the first processes of the engines on this machine.
        preload: messages in the store before the server starts.
        members: sizes of the groups.
        idle: connections held, and connects of a storm.
    """

    url: str = ""
    pids: tuple[int, ...] = ()
    metrics: tuple[str, ...] = ()
    engines: tuple[int, ...] = ()
    preload: int = 0
    connections: int = 100
    conversations: int = 50
    in_flight: int = 4
    rate: float = 2_000.0
    seconds: float = 10.0
    members: tuple[int, ...] = (100, 1_000, 5_000)
    idle: int = 2_000
    drivers: int = 1
    environment: dict[str, str] = field(default_factory=dict)


Step = Callable[[str, int, int], None]
"""Told what is being done, how many parts of it are done, and of how many."""


class Bench:
    """Runs scenarios by a plan."""

    def __init__(self, plan: Plan, step: Step) -> None:
        self._plan = plan
        self._step = step
        # Handles of one run differ from those of others on the same server.
        self._run = format(time.time_ns() // 1_000_000, "x")

    def saturated(self) -> Iterator[Measure]:
        """1:1, every connection with some messages in flight at all times."""
        yield self._pairs("saturated", 0.0)

    def rate(self) -> Iterator[Measure]:
        """1:1 at an offered rate."""
        yield self._pairs(f"rate {self._plan.rate:,.0f}/s", self._plan.rate)

    def fanout(self) -> Iterator[Measure]:
        """One group whose members are all online: one, then ten messages a tick."""
        for size in self._plan.members:
            with self._server(()) as server:
                names = self._names(size)
                tokens = self._sign_in(server, names)
                group = asyncio.run(accounts.make_group(server.url, tokens[0], "benchmark", names[1:]))
                for burst in (1, 10):
                    job = GroupJob(server.url, group, tokens, burst, self._plan.seconds)
                    yield self._group(server, job)

    def storm(self) -> Iterator[Measure]:
        """Many connects at once."""
        with self._server(()) as server:
            tokens = self._shared_tokens(server, self._plan.idle)
            with self._loaded(server, [HoldJob(server.url, tokens, len(tokens))]) as drivers:
                cpu = server.cpu()
                [outcome] = self._load(drivers)
                server.drain()
                yield self._connects(server, "storm", outcome, server.cpu() - cpu)

    def idle(self) -> Iterator[Measure]:
        """Many connections that do nothing."""
        with self._server(()) as server:
            tokens = self._shared_tokens(server, self._plan.idle)
            with self._loaded(server, [HoldJob(server.url, tokens[:WARM], WARM)]) as warm:
                self._load(warm)
                yield self._idle(server, tokens)

    # ------------------------------------------------------------ runs

    def _pairs(self, name: str, rate: float) -> Measure:
        plan = self._plan
        names = self._names(plan.connections)
        with self._server(names) as server:
            tokens = self._sign_in(server, names)
            ids = asyncio.run(accounts.open_pairs(server.url, names, tokens))
            pairs = list(zip(ids, tokens[::2], tokens[1::2], strict=True))[: plan.conversations]
            with self._loaded(server, self._pair_jobs(server.url, pairs, rate)) as drivers:
                cpu, engine_cpu = server.cpu(), server.engine_cpu()
                outcomes = self._load(drivers)
                server.drain()
                cpu, engine_cpu = server.cpu() - cpu, server.engine_cpu() - engine_cpu
            texts = self._stored(server, pairs, outcomes)
            messages = sum(outcome.messages for outcome in outcomes)
            return Measure(
                scenario=name if not plan.preload else f"{name}, {plan.preload:,} stored",
                unit="message",
                units=messages,
                per_second=messages / max(outcome.seconds for outcome in outcomes),
                cpu_us=_micros(server, cpu, messages),
                engine_us=engine_cpu * 1e6 / messages if server.engines and messages else None,
                ack_ms=percentiles(_joined(outcome.acks for outcome in outcomes)),
                delivery_ms=percentiles(_joined(outcome.deliveries for outcome in outcomes)),
                rss_mib=_mib(server),
                ready_s=server.ready_after or None,
                faults=sum(outcome.faults for outcome in outcomes) + len(texts),
                texts=(*(text for outcome in outcomes for text in outcome.texts), *texts),
            )

    def _pair_jobs(self, url: str, pairs: Sequence[tuple[str, str, str]], rate: float) -> list[Job]:
        plan = self._plan
        parts = [list(pairs[number :: plan.drivers]) for number in range(plan.drivers)]
        return [
            PairsJob(url, part, plan.in_flight, rate * len(part) / len(pairs), plan.seconds, number * plan.connections)
            for number, part in enumerate(parts)
        ]

    def _stored(
        self, server: Server, pairs: Sequence[tuple[str, str, str]], outcomes: Sequence[Outcome]
    ) -> tuple[str, ...]:
        """Compare the server's history with the acks; return what differs."""
        self._step("comparing the history with the acks", 0, 0)
        token_of = {name: token for name, token, _ in pairs}
        texts = [
            asyncio.run(accounts.compare_history(server.url, token_of[name], name, keys))
            for outcome in outcomes
            for name, keys in outcome.keys.items()
        ]
        heads = {name: seq for outcome in outcomes for name, seq in outcome.heads.items()}
        for name, seq in heads.items():
            stored = asyncio.run(accounts.head(server.url, token_of[name], name))
            if stored != seq:
                texts.append(f"{name} ends at {stored}; the last ack was {seq}")
        return tuple(text for text in texts if text)

    def _group(self, server: Server, job: GroupJob) -> Measure:
        with self._loaded(server, [job]) as drivers:
            cpu = server.cpu()
            [outcome] = self._load(drivers)
            server.drain()
            cpu = server.cpu() - cpu
        return Measure(
            scenario=f"group of {len(job.tokens):,}, {job.burst} a tick",
            unit="frame",
            units=outcome.frames,
            per_second=outcome.frames / outcome.seconds,
            cpu_us=_micros(server, cpu, outcome.frames),
            ack_ms=percentiles(outcome.acks),
            delivery_ms=percentiles(outcome.deliveries),
            rss_mib=_mib(server),
            faults=outcome.faults,
            texts=tuple(outcome.texts),
        )

    def _idle(self, server: Server, tokens: list[str]) -> Measure:
        time.sleep(SETTLE)
        before = server.rss()
        with self._loaded(server, [HoldJob(server.url, tokens, 100)]) as drivers:
            cpu = server.cpu()
            [outcome] = self._load(drivers)
            server.drain()
            time.sleep(SETTLE)
            measure = self._connects(server, "idle", outcome, server.cpu() - cpu)
            if server.pids:
                measure.kib_per_connection = (server.rss() - before) / 1024 / max(1, len(outcome.connects))
            return measure

    def _connects(self, server: Server, name: str, outcome: Outcome, cpu: float) -> Measure:
        count = len(outcome.connects)
        return Measure(
            scenario=f"{name}, {len(outcome.connects):,} connections",
            unit="connect",
            units=count,
            per_second=count / outcome.seconds,
            cpu_us=_micros(server, cpu, count),
            connect_ms=percentiles(outcome.connects),
            rss_mib=_mib(server),
            ready_s=server.ready_after or None,
            faults=outcome.faults,
            texts=tuple(outcome.texts),
        )

    # ------------------------------------------------------------ preparations

    @contextmanager
    def _server(self, preloaded: Sequence[str]) -> Iterator[Server]:
        """Give a server; the messages of `Plan.preload` are in it when it is our own and people are named for them."""
        if self._plan.url:
            yield Server(self._plan.url, self._plan.metrics, self._plan.pids, self._plan.engines)
            return
        with tempfile.TemporaryDirectory(prefix="resonance-bench-") as name:
            folder = Path(name)
            if preloaded and self._plan.preload:
                asyncio.run(preload(folder / "data", preloaded, self._plan.preload, self._preloaded))
            self._step("starting the server", 0, 0)
            with started(folder, self._plan.environment, self._plan.engines) as server:
                yield server

    def _preloaded(self, done: int) -> None:
        self._step("preloading messages", done, self._plan.preload)

    def _names(self, count: int) -> list[str]:
        return [f"bench.{self._run}.{number}" for number in range(count)]

    def _sign_in(self, server: Server, names: Sequence[str]) -> list[str]:
        self._step(f"registering {len(names):,} users", 0, 0)
        return asyncio.run(accounts.sign_in(server.url, names))

    def _shared_tokens(self, server: Server, count: int) -> list[str]:
        tokens = self._sign_in(server, self._names(-(-count // PER_USER)))
        return [tokens[number % len(tokens)] for number in range(count)]

    @contextmanager
    def _loaded(self, server: Server, jobs: Sequence[Job]) -> Iterator[Drivers]:
        """Give drivers whose connections are open, on a server that has nothing left to do."""
        self._step("connecting", 0, 0)
        with driving(jobs) as drivers:
            drivers.connected()
            server.drain()
            yield drivers

    def _load(self, drivers: Drivers) -> list[Outcome]:
        self._step("measuring", 0, 0)
        drivers.go()
        return drivers.outcomes()


SCENARIOS: dict[str, Callable[[Bench], Iterator[Measure]]] = {
    "saturated": Bench.saturated,
    "rate": Bench.rate,
    "fanout": Bench.fanout,
    "storm": Bench.storm,
    "idle": Bench.idle,
}


def _micros(server: Server, cpu: float, units: int) -> float | None:
    return cpu * 1e6 / units if server.pids and units else None


def _mib(server: Server) -> float | None:
    return server.rss() / 2**20 if server.pids else None


def _joined(parts: Iterator[array[float]]) -> array[float]:
    joined = array("d")
    for part in parts:
        joined.extend(part)
    return joined
