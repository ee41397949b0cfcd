"""Loops that live as long as the process: what nobody expected to fail is logged, and they go on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from resonance.config import Settings
from resonance.config.engines import RedisConfig
from resonance.config.settings import Rpc, StatusBatcher
from resonance.config.sources import Found
from resonance.domain.model import SendAnswer, SendItem
from resonance.engines.file.live import FileLive
from resonance.engines.kafka import relay as relay_module
from resonance.engines.kafka.cluster import Cluster
from resonance.engines.kafka.relay import Relay
from resonance.engines.memory.routes import MemoryRoutes
from resonance.engines.mysql import watcher as watcher_module
from resonance.engines.mysql.watcher import Watcher
from resonance.engines.postgres import listener as listener_module
from resonance.engines.postgres.listener import Listener
from resonance.engines.redis import client as redis_module
from resonance.engines.redis.client import RedisClient
from resonance.engines.sql.bell import Bell
from resonance.engines.sqlite.store import SqliteStore
from resonance.gateway import logic_link, uplink
from resonance.gateway.queued import QueuedMessages
from resonance.gateway.uplink import GatewayUplink
from resonance.logic.batch import AnswerSink
from resonance.logic.queued import LogicQueue
from resonance.ports.registry import Instance, Watch
from resonance.ports.routes import RouteChange
from resonance.ports.store import Store
from resonance.ports.uplink import Downward, GatewayEnd, Intake
from resonance.repo import role as repo_module
from resonance.repo.role import RepoRole
from resonance.rpc.connector import Connector, Logics
from resonance.rpc.link import GrpcConnector
from resonance.task.leader import Leader
from tests.unit.gateway.test_uplink import Collector
from tests.unit.logic.live import Gateway, Live, route, running, text

PATIENCE_S = 20
MISTAKE = RuntimeError("a mistake")


class Flaky:
    """Something that fails the first times it is done.

    Attributes:
        times: how often it was done.
        again: set once it was done without failing.
    """

    def __init__(self, failures: int = 1, error: Exception = MISTAKE) -> None:
        self.times = 0
        self.again = asyncio.Event()
        self._failures = failures
        self._error = error

    def do(self, *_arguments: object) -> int:
        self.times += 1
        if self.times <= self._failures:
            raise self._error
        self.again.set()
        return 0

    async def do_later(self, *_arguments: object, **_named: object) -> int:
        return self.do()

    async def done(self) -> None:
        """Wait until it was done."""
        async with asyncio.timeout(PATIENCE_S):
            await self.again.wait()


async def logged(flaky: Flaky, event: str, start: Callable[[], object], close: Callable[[], Awaitable[object]]) -> None:
    """Start a loop; it does what failed again, and has said once for each failure that it did."""
    with capture_logs() as log:
        start()
        try:
            await flaky.done()
        finally:
            await close()
    assert [entry["log_level"] for entry in log if entry["event"] == event] == ["error"], log


# ---------------------------------------------------------------- gateways


def links_of(watch: Watch, connector: Callable[[Instance], Connector]) -> GatewayUplink:
    return GatewayUplink("g", Logics(watch, connector), Collector(), Rpc(), StatusBatcher())


async def test_an_address_that_is_none_stops_no_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may come from a registry that anybody writes to."""
    tried = Flaky(failures=0)

    class Counted(GrpcConnector):
        async def connect(self, on_frame: Any, on_lost: Any) -> Any:
            if tried.times:
                tried.do()
            tried.times += 1
            return await super().connect(on_frame, on_lost)

    monkeypatch.setattr(logic_link, "RETRY_FIRST_S", 0.01)
    watch = Watch()
    watch.set([Instance("logic-service", "one", "no address")])
    links = links_of(watch, lambda one: Counted(one.address, Rpc()))
    with capture_logs() as log:
        await links.start()
        await tried.done()
        await links.close()
    assert "a link to logic failed; it is tried again" in {entry["event"] for entry in log}


async def test_a_logic_that_cannot_be_linked_to_does_not_keep_others_from_being_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(uplink, "RETRY_MOST_S", 0.01)
    made = Flaky()

    def connector(_one: Instance) -> Connector:
        made.do()
        return GrpcConnector("127.0.0.1:1", Rpc())

    watch = Watch()
    watch.set([Instance("logic-service", "one", "127.0.0.1:1")])
    links = links_of(watch, connector)
    running_: list[asyncio.Task[None]] = []
    await logged(
        made,
        "links to logic could not be brought up to date",
        lambda: running_.append(asyncio.create_task(links.start())),
        links.close,
    )


class BrokenEnd(GatewayEnd):
    """An end of the queue that works no more, nor can be closed."""

    def __init__(self, closing: Flaky) -> None:
        self._closing = closing

    async def start(self) -> None:
        raise MISTAKE

    def send(self, items: Any) -> list[SendItem]:
        return []

    async def receive(self) -> Any:
        raise MISTAKE

    async def close(self) -> None:
        self._closing.do()


@pytest.mark.parametrize("what", ["made", "closed"])
async def test_an_end_of_the_queue_that_cannot_be_made_or_closed_is_made_anew(what: str) -> None:
    flaky, fine = Flaky(), Flaky(failures=0)

    def make() -> GatewayEnd:
        (flaky if what == "made" else fine).do()
        return BrokenEnd(flaky if what == "closed" else fine)

    queue = QueuedMessages(make, 1, cast("Any", None))
    with capture_logs() as log:
        queue.start()
        await flaky.done()
        await queue.close()
    assert {entry["event"] for entry in log} == {"the queue to logic failed"}


# ---------------------------------------------------------------- logic


@pytest.fixture
async def store(tmp_path: Path) -> Any:
    made = SqliteStore(tmp_path / "resonance.db", Settings().store)
    await made.start()
    yield made
    made.close()
    await made.join()


async def test_an_intake_that_cannot_be_closed_is_followed_by_another(store: Store) -> None:
    closing = Flaky()

    class Broken(Intake):
        async def take(self, limit: int, wait_ms: int) -> Any:
            raise MISTAKE

        def commit(self, mark: int) -> None: ...

        async def close(self) -> None:
            closing.do()

    class Ways:
        async def intake(self) -> Intake:
            return Broken()

        def downward(self) -> Downward:
            raise AssertionError("nothing is sent here")

    queue = LogicQueue(Ways())
    with capture_logs() as log:
        queue.start(cast("Any", None), cast("Any", None))
        await closing.done()
        await queue.close()
    assert {entry["event"] for entry in log} == {"taking messages from the queue failed"}


class Sink:
    """A sink of answers, which fails for the first."""

    gateway = "g"
    way = None

    def __init__(self, answered: Flaky) -> None:
        self._answered = answered

    def answer(self, answers: list[SendAnswer]) -> None:
        self._answered.do()


async def test_a_sink_that_cannot_be_answered_takes_nothing_from_others(store: Store) -> None:
    answered, other = Flaky(), Flaky(failures=0)
    async with running(store) as live:
        await live.people("ann", "bob")
        sink: AnswerSink = Sink(answered)
        with capture_logs() as log:
            live.pipeline.put(sink, [text(1, "ann", "", to="bob")])
            live.pipeline.put(Sink(other), [text(3, "ann", "", to="bob")])
            await other.done()
            async with asyncio.timeout(PATIENCE_S):
                while not answered.times:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            live.pipeline.put(sink, [text(2, "ann", "", to="bob")])
            await answered.done()
        assert [entry["event"] for entry in log if entry["log_level"] == "error"] == ["answers are lost"]


async def test_a_look_for_who_is_gone_that_fails_does_not_end_presence(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = Flaky()
    async with running(store, presence={"offline_delay": 0.001}) as live:
        monkeypatch.setattr(live.presence, "_without_route", looked.do_later)
        await live.presence.changed(RouteChange([], ["ann"]))
        async with asyncio.timeout(PATIENCE_S):
            while not looked.times:  # noqa: ASYNC110
                await asyncio.sleep(0)
        await live.presence.changed(RouteChange([], ["bob"]))
        await looked.done()


class Unending(MemoryRoutes):
    """Routes that cannot be dropped."""

    async def drop(self, gateway: str, epoch: int) -> RouteChange:
        raise MISTAKE


async def test_routes_that_cannot_be_ended_are_told_of(store: Store) -> None:
    async with running(store, routes=Unending(), rpc={"lease": 0.001}) as live:
        await live.people("ann")
        with capture_logs() as log:
            await lose(live)
        assert "the routes of a lost gateway could not be ended" in {entry["event"] for entry in log}


async def lose(live: Live) -> None:
    """Link a gateway and lose it, for longer than its lease."""
    gateway = Gateway("g")
    await gateway.link(live.hub, [route("ann", 1)])
    gateway.cut()
    async with asyncio.timeout(PATIENCE_S):
        while live.hub.open_sessions:  # noqa: ASYNC110
            await asyncio.sleep(0)


# ---------------------------------------------------------------- task and repo


@pytest.mark.parametrize("what", ["begun", "ended"])
async def test_work_that_cannot_be_begun_or_ended_is_begun_again(what: str) -> None:
    begun, ended = Flaky(failures=what == "begun"), Flaky(failures=what == "ended")

    class Leases:
        """Gives the lease at every other time; it is renewed five times within its time."""

        asked = 0

        async def lease(self, *_arguments: object) -> bool:
            self.asked += 1
            return what == "begun" or self.asked % 2 == 1

    class Shift:
        def start(self) -> None:
            begun.do()

        async def close(self) -> None:
            ended.do()

    leader = Leader(cast("Any", Leases()), "task", "me", 0.1, Shift)
    event = "work could not be begun or ended; it is tried again"
    await logged(begun if what == "begun" else ended, event, leader.start, leader.close)


async def test_housekeeping_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repo_module, "PRUNE_EVERY_S", 0.01)
    pruned = Flaky()

    class Old:
        prune = staticmethod(pruned.do_later)

    role = RepoRole(cast("Any", Old()), Settings().store)
    await logged(pruned, "housekeeping failed; it goes on", role.start, role.close)


# ---------------------------------------------------------------- engines


async def test_a_file_of_live_keys_is_looked_after_further(tmp_path: Path) -> None:
    path, told = tmp_path / "live.yaml", Flaky()
    live = FileLive(path, 0.001)
    await live.start(lambda found: write_again(path, told, found))
    path.write_text("limits: {}")
    with capture_logs() as log:
        await told.done()
    await live.close()
    assert [entry["event"] for entry in log] == ["live configuration could not be taken over"]


def write_again(path: Path, told: Flaky, found: Found) -> None:
    """Take a change note of, and make another one."""
    if path.exists():
        path.write_text(path.read_text() + " ")
        told.do(found)


async def test_redis_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_module, "PROBE_S", 0.01)
    probed = Flaky()
    client = RedisClient(RedisConfig(url="redis://127.0.0.1:1"))
    monkeypatch.setattr(client, "probe", probed.do_later)
    await client.start()
    with capture_logs() as log:
        await probed.done()
    await client.close()
    assert [entry["event"] for entry in log] == ["redis could not be asked; it is tried again"]


async def test_mysql_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher_module, "RETRY_S", 0.01)
    looked, bell = Flaky(), Bell()
    watcher = Watcher(bell, looked.do_later)
    waiting = asyncio.create_task(bell.wait_beyond(7, PATIENCE_S))
    await logged(looked, "the outbox watcher failed; it goes on", watcher.start, watcher.close)
    bell.silence()
    await waiting


async def test_postgres_is_listened_to_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "RETRY_S", 0.01)
    listened = Flaky()
    listener = Listener("", lambda _position: None)
    monkeypatch.setattr(listener, "_listen", listened.do_later)
    await logged(listened, "the outbox listener failed; it begins anew", listener.start, listener.close)


async def test_a_relay_whose_publisher_cannot_be_closed_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "WATCH_EVERY_S", PATIENCE_S)
    dropped = Flaky()
    relay = Relay(cast("Any", None), cast("Cluster", Nowhere()), "relay", ())
    monkeypatch.setattr(relay, "_drop_publisher", dropped.do_later)
    with capture_logs() as log:
        relay.start()
        await dropped.done()
        await relay.close()
    assert {entry["event"] for entry in log} == {"relay failed"}


class Nowhere:
    """A cluster that nothing works with."""

    topic = "t"
    streams: Mapping[str, str] = {}

    async def ensure(self, topic: str) -> None:
        raise MISTAKE
