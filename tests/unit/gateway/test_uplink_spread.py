"""The uplink over several logics that come, go, hang and lose links: answered once, in order per conversation."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from resonance.config.settings import Rpc, StatusBatcher
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Route, SendAnswer, SendItem
from resonance.gateway.logic_link import turned_down
from resonance.gateway.uplink import GatewayUplink
from resonance.ports.registry import Instance, Watch
from resonance.rpc.connector import Connection, Connector, Logics
from resonance.services.link import (
    AnswerBatch,
    CaughtUp,
    DownFrame,
    Hello,
    Missed,
    RouteAck,
    RouteDelta,
    SendBatch,
    UpFrame,
    Welcome,
)
from tests.unit.gateway.test_uplink import Collector

PHONE = Route("ann", 1, 5, "phone", "")
LAPTOP = Route("ann", 2, 5, "laptop", "")


class Store:
    """What all logics write to: keys in the order in which they were first stored, by conversation."""

    def __init__(self) -> None:
        self.log: dict[str, list[str]] = defaultdict(list)

    def append(self, item: SendItem) -> int:
        log = self.log[item.conversation_id or "si_ann_bob"]
        if item.client_msg_id not in log:
            log.append(item.client_msg_id)
        return log.index(item.client_msg_id) + 1


class Logic(Connector):
    """One logic. It answers in its own time, loses links at random, and may hang or be dead.

    Attributes:
        frames: what it got, of all its links.
        conversations: those that it stored something for.
    """

    def __init__(self, store: Store, rng: random.Random, loss: float = 0) -> None:
        self.store = store
        self.rng = rng
        self.loss = loss
        self.dead = False
        self.frames: list[UpFrame] = []
        self.heard = asyncio.Event()
        self.conversations: set[str] = set()
        self.refusing = False
        self.most: int | None = None  # messages of a frame that it answers; it never comes to the others
        self.running = asyncio.Event()  # cleared while it hangs
        self.running.set()
        self.links: list[Link] = []

    async def connect(self, on_frame: Callable[[DownFrame], None], on_lost: Callable[[], None]) -> Connection:
        if self.dead:
            raise ServiceError(Code.UNAVAILABLE, "nobody listens")
        self.links.append(Link(self, on_frame, on_lost))
        return self.links[-1]

    def kill(self) -> None:
        self.dead = True
        for link in self.links:
            link.lose()

    async def until(self, wanted: Callable[[UpFrame], bool]) -> UpFrame:
        """Return the first frame of that sort, when it has come."""
        async with asyncio.timeout(5):
            while (found := next(filter(wanted, self.frames), None)) is None:
                self.heard.clear()
                await self.heard.wait()
        return found


class Link(Connection):
    """One link; a lost one swallows what is on its way in either direction."""

    def __init__(self, logic: Logic, on_frame: Callable[[DownFrame], None], on_lost: Callable[[], None]) -> None:
        self.logic = logic
        self.on_frame = on_frame
        self.on_lost = on_lost
        self.over = False
        self.frames: asyncio.Queue[UpFrame] = asyncio.Queue()
        self.work = asyncio.create_task(self._work())

    def send(self, frame: UpFrame) -> None:
        self.frames.put_nowait(frame)

    def lose(self) -> None:
        if not self.over:
            self.over = True
            asyncio.get_running_loop().call_soon(self.on_lost)

    async def close(self) -> None:
        self.over = True
        self.work.cancel()

    async def _work(self) -> None:
        while True:
            frame = await self.frames.get()
            await self.logic.running.wait()
            for _ in range(self.logic.rng.randrange(4)):
                await asyncio.sleep(0)  # frames of different logics come in any order
            if self.logic.rng.random() < self.logic.loss:
                self.lose()
            if not self.over:
                self._handle(frame)

    def _handle(self, frame: UpFrame) -> None:
        self.logic.frames.append(frame)
        self.logic.heard.set()
        if isinstance(frame, Hello):
            self._down(Welcome("store", 10, False, []))
        elif isinstance(frame, SendBatch):
            self._down(AnswerBatch([self._decide(item) for item in frame.items[: self.logic.most]]))
        elif isinstance(frame, RouteDelta):
            self._down(RouteAck(frame.number, []))
        elif isinstance(frame, Missed):
            self._down(CaughtUp(frame.number))

    def _decide(self, item: SendItem) -> SendAnswer:
        if self.logic.refusing:
            return turned_down(item, ServiceError(Code.BUSY))
        return self._store(item)

    def _store(self, item: SendItem) -> SendAnswer:
        seq = self.logic.store.append(item)
        self.logic.conversations.add(item.conversation_id)
        return SendAnswer(item.ref, item.connection, seq, seq, seq, 0, "c", item.client_msg_id, "", "")

    def _down(self, frame: DownFrame) -> None:
        if self.logic.rng.random() < self.logic.loss:
            self.lose()
        elif not self.over:
            self.on_frame(frame)


class Cluster:
    """Some logics, and a gateway's uplink to them."""

    def __init__(self, seed: int, **rpc: float) -> None:
        self.rng = random.Random(seed)
        self.store = Store()
        self.logics: dict[str, Logic] = {}
        self.watch = Watch()
        self.collector = Collector()
        settings = Rpc.model_validate({"heartbeat": 0.05, "deadline": 2, **rpc})
        self.uplink = GatewayUplink(
            "g1", Logics(self.watch, lambda one: self.logics[one.id]), self.collector, settings, StatusBatcher()
        )
        self.sent: dict[str, list[str]] = defaultdict(list)

    def add(self, id_: str, loss: float = 0) -> Logic:
        logic = self.logics[id_] = Logic(self.store, self.rng, loss)
        self.watch.set([*self.watch.instances, Instance("logic", id_, "")])
        return logic

    def remove(self, id_: str) -> None:
        self.watch.set(one for one in self.watch.instances if one.id != id_)

    def send(self, conversation: str, *, by_recipient: bool = False) -> None:
        key = f"{conversation}-{len(self.sent[conversation])}"
        self.sent[conversation].append(key)
        place = ("", "bob") if by_recipient else (conversation, "")
        self.uplink.submit(1, "ann", key, *place, 1, "hi", "", "")

    async def linked(self, *ids: str) -> None:
        """Wait until these have welcomed the gateway."""
        for id_ in ids:
            await self.logics[id_].until(lambda frame: isinstance(frame, Hello))
        async with asyncio.timeout(5):
            while not all(self.uplink.is_linked(id_) for id_ in ids):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0)

    async def drained(self) -> None:
        async with asyncio.timeout(20):
            await self.uplink.join()

    def check(self) -> None:
        """Everything was stored once and in order, and answered once."""
        assert self.store.log == self.sent
        answered = sorted(answer.client_msg_id for answer in self.collector.answered)
        assert answered == sorted(key for keys in self.sent.values() for key in keys)


@asynccontextmanager
async def running(cluster: Cluster) -> AsyncIterator[None]:
    await cluster.uplink.start()
    try:
        yield
    finally:
        await cluster.uplink.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr("resonance.gateway.logic_link.RETRY_FIRST_S", 0.001)
    monkeypatch.setattr("resonance.gateway.logic_link.RETRY_MOST_S", 0.01)


@pytest.mark.parametrize("seed", range(20))
async def test_order_holds_while_logics_come_go_and_lose_links(seed: int) -> None:
    """A failure is repeated by its seed."""
    cluster = Cluster(seed)
    rng = cluster.rng
    for id_ in "abc":
        cluster.add(id_, loss=0.1)
    async with running(cluster):
        for number in range(400):
            single = rng.random() < 0.2
            cluster.send(
                "si_ann_bob" if single else f"c{rng.randrange(12)}", by_recipient=single and rng.random() < 0.5
            )
            chance = rng.random()
            if chance < 0.01:
                cluster.add(f"new {number}", loss=0.1)
            elif chance < 0.02 and len(cluster.watch.instances) > 1:
                gone = rng.choice(cluster.watch.instances).id
                cluster.remove(gone)
                cluster.logics[gone].kill()
            elif chance < 0.03:
                rng.choice(list(cluster.logics.values())).kill()
            elif chance < 0.3:
                await asyncio.sleep(0)
            for logic in cluster.logics.values():
                if logic.dead and rng.random() < 0.05:
                    logic.dead = False
        for instance in cluster.watch.instances:
            cluster.logics[instance.id].dead = False
        await cluster.drained()
    cluster.check()


async def test_conversations_are_spread_and_each_has_one_logic() -> None:
    cluster = Cluster(1)
    logics = [cluster.add(id_) for id_ in "abc"]
    async with running(cluster):
        await cluster.linked(*"abc")
        for number in range(300):
            cluster.send(f"c{number % 50}")
        await cluster.drained()
    cluster.check()
    assert all(logic.conversations for logic in logics)
    assert sum(len(logic.conversations) for logic in logics) == 50


async def test_a_conversation_waits_for_its_answers_before_it_moves() -> None:
    """A logic that joins gets no message of a conversation while an older one is on its way to another."""
    cluster = Cluster(1)
    old = cluster.add("old")
    async with running(cluster):
        await cluster.linked("old")
        old.running.clear()
        for number in range(40):
            cluster.send(f"c{number}")
        await asyncio.sleep(0)
        new = cluster.add("new")
        await cluster.linked("new")
        for number in range(40):
            cluster.send(f"c{number}")
        await new.until(lambda frame: isinstance(frame, Hello))
        assert not new.conversations
        old.running.set()
        await cluster.drained()
        for number in range(40):
            cluster.send(f"c{number}")
        await cluster.drained()
    cluster.check()
    assert new.conversations


async def test_what_a_dead_logic_had_goes_to_another_at_once() -> None:
    cluster = Cluster(1)
    first, second = cluster.add("first"), cluster.add("second")
    async with running(cluster):
        await cluster.linked("first", "second")
        first.running.clear()
        for number in range(40):
            cluster.send(f"c{number}")
        await asyncio.sleep(0)
        first.kill()
        await cluster.drained()
        missed = await second.until(lambda frame: isinstance(frame, Missed))
    cluster.check()
    assert missed == Missed(1, 10, signals=True)


async def test_what_followed_a_refused_message_does_not_overtake_it_on_another_link() -> None:
    """The logic that refused it would have kept back the others, and is gone before it could."""
    cluster = Cluster(1)
    old = cluster.add("old")
    cluster.add("new")
    async with running(cluster):
        await cluster.linked("old", "new")
        cluster.watch.set([Instance("logic", "old", ""), Instance("logic", "new", "", draining=True)])
        await asyncio.sleep(0)
        old.refusing, old.most = True, 1
        for _ in range(3):
            cluster.send("c")
        await old.until(lambda frame: isinstance(frame, SendBatch))
        async with asyncio.timeout(5):
            while not cluster.collector.answered:  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert [answer.code for answer in cluster.collector.answered] == ["busy"]
        old.kill()
        await cluster.drained()
        assert [answer.code for answer in cluster.collector.answered] == ["busy"] * 3
        with pytest.raises(ServiceError, match="send that one again first"):
            cluster.send("c")
        cluster.sent["d"] = []
        cluster.send("d")
        sent, cluster.sent["c"] = cluster.sent["c"], []
        for _ in sent:
            cluster.send("c")
        await cluster.drained()
    assert cluster.store.log == {"c": sent, "d": ["d-0"]}


async def test_what_is_about_to_go_up_does_not_overtake_what_another_logic_has_just_refused() -> None:
    """All messages of its conversation are answered then, so it takes the way that is the best one by now."""
    cluster = Cluster(1)
    old = cluster.add("old")
    async with running(cluster):
        await cluster.linked("old")
        old.running.clear()
        cluster.send("c")
        await asyncio.sleep(0)
        new = cluster.add("new")
        await cluster.linked("new")
        cluster.watch.set([Instance("logic", "old", "", draining=True), Instance("logic", "new", "")])
        await asyncio.sleep(0)
        cluster.send("c")
        link = cluster.uplink._links["old"]
        (first,) = link.unanswered.values()
        link.take(AnswerBatch([turned_down(first, ServiceError(Code.BUSY))]))
        await cluster.drained()
        assert [answer.code for answer in cluster.collector.answered] == ["busy", "busy"]
        sent, cluster.sent["c"] = cluster.sent["c"], []
        for _ in sent:
            cluster.send("c")
        await cluster.drained()
    assert cluster.store.log == {"c": sent}
    assert new.conversations == {"c"}


async def test_what_follows_a_message_that_was_put_off_waits_for_it() -> None:
    cluster = Cluster(1)
    cluster.add("only")
    async with running(cluster):
        await cluster.linked("only")
        cluster.uplink.put_off(1, "ann", "c-0", "c", "", Code.RATE_LIMITED)
        with pytest.raises(ServiceError, match="send that one again first"):
            cluster.uplink.submit(1, "ann", "c-1", "c", "", 1, "hi", "", "")
        for _ in range(2):
            cluster.send("c")
        await cluster.drained()
    cluster.check()


async def test_a_full_window_keeps_back_only_what_follows() -> None:
    """What was sent before the message that found the window full may be refused, too, and then comes first."""
    cluster = Cluster(1, window=64)
    only = cluster.add("only")
    async with running(cluster):
        await cluster.linked("only")
        only.refusing = True
        for _ in range(64):
            cluster.send("c")
        with pytest.raises(ServiceError, match="too many answers"):
            cluster.send("c")
        await cluster.drained()
        assert [answer.code for answer in cluster.collector.answered] == ["busy"] * 64
        only.refusing = False
        sent, cluster.sent["c"] = cluster.sent["c"], []
        for _ in sent[:64]:
            cluster.send("c")
        await cluster.drained()
        cluster.send("c")
        await cluster.drained()
    assert cluster.store.log == {"c": sent}


async def test_a_draining_logic_gets_nothing_new() -> None:
    cluster = Cluster(1)
    first, second = cluster.add("first"), cluster.add("second")
    async with running(cluster):
        await cluster.linked("first", "second")
        cluster.watch.set([Instance("logic", "first", "", draining=True), Instance("logic", "second", "")])
        await asyncio.sleep(0)
        for number in range(40):
            cluster.send(f"c{number}")
        await cluster.drained()
    assert not first.conversations
    assert len(second.conversations) == 40


async def test_a_route_is_open_when_every_logic_knows_it() -> None:
    cluster = Cluster(1)
    first, second = cluster.add("first"), cluster.add("second")
    async with running(cluster):
        await cluster.linked("first", "second")
        second.running.clear()
        opening = asyncio.create_task(cluster.uplink.open_route(PHONE))
        await first.until(lambda frame: isinstance(frame, RouteDelta))
        assert not opening.done()
        second.running.set()
        assert await opening is None
        deltas = [frame for logic in (first, second) for frame in logic.frames if isinstance(frame, RouteDelta)]
    assert [delta.opened for delta in deltas] == [[PHONE], [PHONE]]
    assert sorted(delta.primary for delta in deltas) == [False, True]  # one tells who came


async def test_a_client_is_not_ready_before_a_logic_that_has_an_older_snapshot_knows_it() -> None:
    """It is in neither the snapshot of that link nor would a push of that logic find it."""
    cluster = Cluster(1)
    cluster.add("first")
    async with running(cluster):
        await cluster.linked("first")
        second = cluster.add("second")
        second.running.clear()
        async with asyncio.timeout(5):
            while not second.links:  # noqa: ASYNC110
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        opening = asyncio.create_task(cluster.uplink.open_route(PHONE))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not opening.done()
        second.running.set()
        assert await opening is None
        delta = await second.until(lambda frame: isinstance(frame, RouteDelta))
    assert isinstance(delta, RouteDelta)
    assert delta.opened == [PHONE]


async def test_a_logic_that_hangs_does_not_keep_clients_out() -> None:
    """Its link is given up for a new one, which tells it everything from the start."""
    cluster = Cluster(1, deadline=0.4, heartbeat=10)
    cluster.add("first")
    second = cluster.add("second")
    async with running(cluster):
        await cluster.linked("first", "second")
        second.running.clear()
        assert await cluster.uplink.open_route(PHONE) is None
        second.running.set()
        again = await second.until(lambda frame: isinstance(frame, Hello) and bool(frame.routes))
    assert again == Hello("g1", cluster.uplink.epoch, "store", 10, [PHONE], alone=False)


async def test_who_was_linked_to_nobody_else_says_so() -> None:
    cluster = Cluster(1)
    first = cluster.add("first")
    async with running(cluster):
        await cluster.linked("first")
        second = cluster.add("second")
        await cluster.linked("second")
        first.kill()
        await second.until(lambda frame: isinstance(frame, Missed))
        second.kill()
        third = cluster.add("third")
        hello = await third.until(lambda frame: isinstance(frame, Hello))
    assert [frame.alone for frame in (*first.frames, *second.frames) if isinstance(frame, Hello)] == [True, False]
    assert isinstance(hello, Hello)
    assert (hello.alone, hello.position) == (True, 10)


async def test_what_the_last_link_lacked_is_asked_of_one_that_had_said_hello_before() -> None:
    """Its hello was said while the lost one was there, so it would repeat only its own commits."""
    cluster = Cluster(1)
    old = cluster.add("old")
    async with running(cluster):
        await cluster.linked("old")
        new = cluster.add("new")
        new.running.clear()
        async with asyncio.timeout(5):
            while not new.links:  # noqa: ASYNC110
                await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)
        old.kill()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not cluster.uplink.connected
        new.running.set()
        missed = await new.until(lambda frame: isinstance(frame, Missed))
    assert missed == Missed(1, 10, signals=True)


async def test_the_welcome_of_a_logic_that_is_gone_counts_for_nothing() -> None:
    """It came while the link was being closed: the messages that it let go up had no link to take, and were lost."""
    cluster = Cluster(1)
    cluster.add("old")
    gone = cluster.add("gone")
    gone.running.clear()
    async with running(cluster):
        await cluster.linked("old")
        async with asyncio.timeout(5):
            while not gone.links:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0)
        cluster.logics["old"].kill()
        cluster.send("c")
        async with asyncio.timeout(5):
            while cluster.uplink.connected:  # noqa: ASYNC110
                await asyncio.sleep(0)
        cluster.remove("gone")
        await asyncio.sleep(0)
        gone.links[-1].on_frame(Welcome("store", 10, False, []))
        assert not cluster.uplink.connected
        cluster.logics["old"].dead = False
        await cluster.drained()
    cluster.check()


async def test_a_registry_that_knows_nobody_takes_no_logic_away() -> None:
    cluster = Cluster(1)
    only = cluster.add("only")
    async with running(cluster):
        await cluster.linked("only")
        cluster.watch.set([])
        await asyncio.sleep(0)
        only.links[-1].lose()
        async with asyncio.timeout(5):
            while len(only.links) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0)


async def test_the_next_logic_is_told_that_it_tells_who_goes() -> None:
    """Nobody may come or go between the loss of the one that told, and the end of the gateway."""
    cluster = Cluster(1)
    logics = {cluster.add("first"), cluster.add("second")}
    async with running(cluster):
        await cluster.linked("first", "second")
        assert await cluster.uplink.open_route(PHONE) is None
        [told] = [one for one in logics if any(isinstance(frame, RouteDelta) and frame.primary for frame in one.frames)]
        told.kill()
        [heir] = logics - {told}
        delta = await heir.until(lambda frame: isinstance(frame, RouteDelta) and frame.primary)
    assert isinstance(delta, RouteDelta)
    assert (delta.opened, delta.closed) == ([], [])
