"""The messages of one connection to one conversation are stored in sending order, whatever is refused meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import count
from pathlib import Path

import pytest

from resonance.config.engines import StoreConfig
from resonance.domain.errors import Code, ServiceError
from resonance.domain.fences import EACH, LIFE_S, Fences
from resonance.domain.ids import SERVER_KEY_MARK
from resonance.domain.model import AppendOutcome, NewEntry, SendItem
from resonance.engines.sqlite.store import SqliteStore
from resonance.services.link import AnswerBatch, SendBatch
from tests.unit.logic.live import PATIENCE_S, Gateway, Live, route, running, text

BUSY = Code.BUSY


class Moody(SqliteStore):
    """A store whose appends fail at random: before anything was written, or with an outcome that nobody hears of."""

    rng: random.Random | None = None
    failing = False
    gate: asyncio.Event | None = None  # what appends wait for

    async def append(self, entries: Sequence[NewEntry]) -> AppendOutcome:
        if self.gate is not None:
            await self.gate.wait()
        if self.failing:
            raise ServiceError(Code.STORAGE_UNAVAILABLE)
        mood = 1.0 if self.rng is None else self.rng.random()
        if mood < 0.3:
            raise ServiceError(Code.STORAGE_UNAVAILABLE)
        outcome = await super().append(entries)
        if mood < 0.4:
            raise ServiceError(Code.DEADLINE)
        return outcome


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Moody]:
    made = Moody(tmp_path / "resonance.db", StoreConfig())
    await made.start()
    yield made
    made.close()
    await made.join()


@pytest.fixture
async def live(store: Moody) -> AsyncIterator[Live]:
    async with running(store, messages={"queue_limit": 12}) as made:
        await made.people("ann", "bob")
        yield made


class Client:
    """One connection with several messages in flight, which are sent again in order once all are answered."""

    def __init__(self, gateway: Gateway, number: int, chat: str, rng: random.Random, window: int = 4) -> None:
        self.acked: set[str] = set()
        self.sent: list[str] = []
        self._gateway = gateway
        self._number = number
        self._chat = chat
        self._rng = rng
        self._window = window
        self._ref = number << 32

    async def talk(self, count: int) -> None:
        while len(self.acked) < count:
            while len(self.sent) < count and len(self.sent) - len(self.acked) < self._window:
                self.sent.append(f"c{self._number}-{len(self.sent)}")
            await self._send([key for key in self.sent if key not in self.acked])

    async def _send(self, keys: list[str]) -> None:
        """Send messages, in one frame or in several, and note the answers."""
        refs: dict[int, str] = {}
        items: list[SendItem] = []
        for key in keys:
            self._ref += 1
            refs[self._ref] = key
            items.append(text(self._ref, "ann", self._chat, key, content=key)._replace(connection=self._number))
        while items:
            size = self._rng.randint(1, len(items))
            self._gateway.send(SendBatch(items[:size]))
            items = items[size:]
            for _ in range(self._rng.randint(0, 3)):  # the pipeline takes what is there, so the rest is another batch
                await asyncio.sleep(0)
        await self._gateway.until(lambda: refs.keys() <= self._answers().keys())
        self.acked |= {key for ref, key in refs.items() if not self._answers()[ref]}

    def _answers(self) -> dict[int, str]:
        return {answer.ref: answer.code for frame in self._gateway.of(AnswerBatch) for answer in frame.answers}


async def test_order_survives_refusals_of_every_kind(live: Live, store: Moody) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    chat = (await store.open_single("ann", "bob")).id
    gateway = Gateway("g")
    await gateway.link(live.hub, [route("ann", 1), route("ann", 2)])
    clients = [Client(gateway, number, chat, rng) for number in (1, 2)]
    store.rng = rng
    await clients[0].talk(40)
    await clients[1].talk(40)
    store.rng = None
    stored = [entry.client_msg_id for entry in await store.entries(chat, 1, 1_000)]
    for client in clients:
        assert [key for key in stored if key in client.acked] == client.sent


async def test_order_survives_a_queue_that_is_too_short(live: Live, store: Moody) -> None:
    """More is sent at once than may queue: what came too late is refused before what came in time is looked at."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    chat = (await store.open_single("ann", "bob")).id
    gateway = Gateway("g")
    await gateway.link(live.hub, [route("ann", 1), route("ann", 2)])
    clients = [Client(gateway, number, chat, rng, window=20) for number in (1, 2)]
    store.rng = rng
    await asyncio.wait_for(asyncio.gather(*(client.talk(60) for client in clients)), PATIENCE_S)
    store.rng = None
    stored = [entry.client_msg_id for entry in await store.entries(chat, 1, 1_000)]
    for client in clients:
        assert [key for key in stored if key in client.acked] == client.sent


async def test_what_was_sent_in_time_gains_nothing_by_waiting_for_the_store(store: Moody) -> None:
    """The fence's time runs out while what it keeps back, and what it waits for, are in the queue."""
    async with running(store, messages={"batch_max": 1}) as live:
        await live.people("ann", "bob")
        chat = (await store.open_single("ann", "bob")).id
        gateway = Gateway("g")
        await gateway.link(live.hub, [route("ann", 1), route("bob", 2)])
        store.failing = True
        gateway.submit(text(1, "ann", chat, "a")._replace(connection=1))
        await gateway.until(lambda: len(gateway.answers) == 1)
        store.failing, store.gate = False, asyncio.Event()
        gateway.submit(text(2, "bob", "", "x", to="bob")._replace(connection=2))
        await asyncio.sleep(0)
        gateway.submit(text(3, "ann", chat, "b")._replace(connection=1))  # before the client knew of a's refusal
        gateway.submit(text(4, "ann", chat, "a")._replace(connection=1))
        live.ahead_ms = int(LIFE_S * 1000) + 500
        store.gate.set()
        await gateway.until(lambda: len(gateway.answers) == 4)
        assert [entry.client_msg_id for entry in await store.entries(chat, 1, 9)] == ["a"]


def fences() -> tuple[Fences, list[float]]:
    now = [0.0]
    return Fences(lambda: now[0]), now


async def sending(live: Live, chat: str) -> Callable[..., Awaitable[list[str]]]:
    """Return what sends ann's messages in one frame, which is one batch, and returns how each is answered."""
    gateway = Gateway("g")
    await gateway.link(live.hub, [route("ann", 1)])
    sent = count(1)

    async def send(*keys: str) -> list[str]:
        before = len(gateway.answers)
        items = [text(next(sent), "ann", chat, key, content=key)._replace(connection=1) for key in keys]
        gateway.submit(*items)
        await gateway.until(lambda: len(gateway.answers) == before + len(keys))
        return [answer.code for answer in gateway.answers[before:]]

    return send


async def test_what_has_come_another_way_is_waited_for_no_more(live: Live, store: Moody) -> None:
    """Through another logic, as its conversation had moved there for a while, or over HTTP."""
    chat = (await store.open_single("ann", "bob")).id
    send = await sending(live, chat)
    store.failing = True
    assert await send("a") == ["storage_unavailable"]
    store.failing = False
    assert (await live.send("ann", chat, key="a", content="a")).code == ""
    assert await send("b") == ["busy"]
    assert await send("b") == [""]
    assert not live.pipeline._fences


async def test_what_was_on_its_way_when_an_earlier_one_was_refused_keeps_its_place(live: Live, store: Moody) -> None:
    """It may be refused only after that one has come again, even by the same batch; what is newer waits for it, too."""
    chat = (await store.open_single("ann", "bob")).id
    send = await sending(live, chat)
    store.failing = True
    assert await send("a") == ["storage_unavailable"]
    store.failing = False
    assert await send("b", "a", "c") == ["busy", "", "busy"]
    assert await send("d") == ["busy"]
    store.failing = True
    assert await send("b", "c", "d") == ["storage_unavailable"] * 3
    store.failing = False
    assert await send("d") == ["busy"]
    assert await send("b") == [""]
    assert await send("d") == ["busy"]
    assert await send("c") == [""]
    assert await send("d", "e") == ["", ""]
    assert [entry.client_msg_id for entry in await store.entries(chat, 1, 1_000)] == ["a", "b", "c", "d", "e"]
    assert not live.pipeline._fences


refs = count(100)


def item(key: str, connection: int = 1, conversation: str = "c", ref: int = 0) -> SendItem:
    return text(ref or next(refs), "ann", conversation, key)._replace(connection=connection)


def refused(fence: Fences, candidate: SendItem) -> bool:
    try:
        fence.pass_or_refuse("g", candidate)
    except ServiceError as error:
        assert error.code is Code.BUSY  # noqa: PT017
        return True
    return False


def test_what_follows_waits_for_the_first_that_was_refused() -> None:
    fence, _ = fences()
    fence.put_up("g", item("a"), BUSY)
    fence.put_up("g", item("b"), BUSY)
    assert refused(fence, item("b"))
    assert not refused(fence, item("b", connection=2))
    assert not refused(fence, item("b", conversation="d"))
    assert not refused(fence, item("a"))
    assert not refused(fence, item("b"))
    assert not fence


def test_what_was_sent_before_the_refused_message_does_not_overtake_it() -> None:
    fence, _ = fences()
    fence.put_up("g", item("c", ref=3), BUSY)
    assert not refused(fence, item("a", ref=1))
    fence.put_up("g", item("b", ref=2), BUSY)
    assert refused(fence, item("c", ref=4)), "b was sent first"
    assert not refused(fence, item("b", ref=5))
    assert not refused(fence, item("c", ref=6))


def test_a_message_that_is_refused_again_is_waited_for_again() -> None:
    fence, now = fences()
    fence.put_up("g", item("a", ref=1), BUSY)
    now[0] = LIFE_S - 0.1
    assert not refused(fence, item("a", ref=9))
    fence.put_up("g", item("a", ref=9), BUSY)
    now[0] = LIFE_S + 0.1
    assert refused(fence, item("b", ref=10))


def test_whoever_sends_only_new_messages_is_let_through_after_a_while() -> None:
    """What it sent meanwhile is refused, too, and holds up nothing for longer."""
    fence, now = fences()
    fence.put_up("g", item("a"), BUSY)
    for second in range(int(LIFE_S)):
        now[0] = second
        assert refused(fence, item(f"new {second}"))
    now[0] = LIFE_S
    assert not refused(fence, item("last"))
    assert not fence


def test_whoever_begins_to_send_again_has_time_for_the_rest() -> None:
    fence, now = fences()
    fence.put_up("g", item("a"), BUSY)
    assert refused(fence, item("b"))
    now[0] = LIFE_S - 0.1
    assert not refused(fence, item("a"))
    now[0] = LIFE_S + 0.1
    assert refused(fence, item("c"))
    assert not refused(fence, item("b"))
    assert not refused(fence, item("c"))


def test_what_is_decided_is_waited_for_no_more() -> None:
    fence, _ = fences()
    fence.put_up("g", item("a"), BUSY)
    assert refused(fence, item("b"))
    fence.take_down("g", item("a"))
    assert refused(fence, item("c"))
    fence.take_down("g", item("b"))
    assert not refused(fence, item("c"))


def test_one_conversation_is_waited_for_no_more_messages_than_are_remembered() -> None:
    fence, _ = fences()
    fence.put_up("g", item("a"), BUSY)
    for number in range(2 * EACH):
        assert refused(fence, item(f"b{number}"))
    (standing,) = fence._standing.values()
    assert len(standing["c"].waiting) == EACH


def test_a_conversation_has_one_fence_whichever_name_it_goes_by() -> None:
    fence, _ = fences()
    fence.put_up("g", item("a", conversation="")._replace(to_user="bob"), BUSY)
    assert refused(fence, item("b", conversation="si_ann_bob"))
    assert not refused(fence, item("a", conversation="si_ann_bob"))


def test_one_connection_takes_down_no_fences_of_others() -> None:
    fence, now = fences()
    fence.put_up("g", item("a"), BUSY)
    for number in range(2 * EACH):
        fence.put_up("g", item(f"b{number}", connection=2, conversation=f"c{number}"), BUSY)
    assert refused(fence, item("b"))
    assert refused(fence, item("c", connection=2, conversation=f"c{EACH}"))
    assert not refused(fence, item("c", connection=2, conversation="c0")), "the oldest of too many fell"
    now[0] = LIFE_S
    fence.put_up("g", item("a", connection=3), BUSY)
    assert not refused(fence, item("a", connection=3))
    assert not fence, "those of silent connections fell with their time"


def test_a_client_that_gives_a_message_up_is_let_through_after_a_while() -> None:
    fence, now = fences()
    fence.put_up("g", item("a"), BUSY)
    now[0] = LIFE_S - 0.1
    assert refused(fence, item("b"))
    now[0] = LIFE_S
    assert not refused(fence, item("b"))


@pytest.mark.parametrize(
    ("refused_item", "refusal"),
    [
        (item("a"), Code.MUTED),
        (item("a", connection=0), BUSY),
        (item(f"{SERVER_KEY_MARK}g.1.1"), BUSY),
    ],
    ids=["for good", "over HTTP", "without a key"],
)
def test_nothing_waits_for_what_will_not_come_again(refused_item: SendItem, refusal: Code) -> None:
    fence, _ = fences()
    fence.put_up("g", refused_item, refusal)
    assert not fence
