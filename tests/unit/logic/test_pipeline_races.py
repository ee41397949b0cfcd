"""Sends racing kicks, mutes, blocks and a dissolution: whatever the order, what is stored is what was allowed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from resonance.domain.content import Kind
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Entry, GroupSettings, NewGroup, Role, SendAnswer, SendItem
from resonance.services.link import PushBatch
from tests.unit.logic.live import Gateway, Live, caller, route, running
from tests.unit.logic.witness import WatchedStore, Witness

OWNER, ADMIN, *MEMBERS = NAMES = ["ann", "bob", "cid", "dan", "eve"]
CONNECTIONS = {name: number for number, name in enumerate(NAMES, 1)}
GROUPS = ["sg_one", "sg_two"]
SINGLE = "si_cid_dan"
CHATS = [*GROUPS, SINGLE]
ROUNDS = 14
"""Batches that a gateway sends, and changes that each of those who rule makes."""


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    store = WatchedStore(tmp_path / "resonance.db")
    await store.start()
    async with running(store, messages={"batch_max": 16}, friends={"policy": "instant"}) as made:
        await made.people(*NAMES)
        yield made
    store.close()
    await store.join()


class Sender(Gateway):
    """A gateway on which everybody is connected; it writes down what it sent."""

    def __init__(self, name: str, rng: random.Random) -> None:
        super().__init__(name)
        self.sent: dict[int, SendItem] = {}
        self._rng = rng

    async def talk(self) -> None:
        """Send batches from everybody to everywhere, some keys more than once, waiting for a part of the answers."""
        rng = self._rng
        for _ in range(ROUNDS):
            batch = [self._item() for _ in range(rng.randint(1, 6))]
            self.sent.update((item.ref, item) for item in batch)
            self.submit(*batch)
            enough = len(self.sent) - rng.randint(0, 8)
            await self.until(lambda enough=enough: len(self.answers) >= enough)  # type: ignore[misc]

    def _item(self) -> SendItem:
        rng, ref = self._rng, len(self.sent) + self._rng.randint(1, 10**6) * 1_000
        sender = rng.choice(NAMES)
        key = f"again{rng.randint(0, 5)}" if rng.random() < 0.4 else f"{self.name}.{ref}"
        content = rng.choice(["one", "two"])
        number = CONNECTIONS[sender]
        return SendItem(ref, number, sender, key, rng.choice(CHATS), "", Kind.TEXT, content, "", "")


def wishes(live: Live, rng: random.Random) -> list[Callable[[], Awaitable[object]]]:
    """Return everything that may happen to those who write; what is not possible at the time is refused."""
    group, who = rng.choice(GROUPS), rng.choice(MEMBERS)
    ruler = caller(rng.choice([OWNER, ADMIN]))
    rule, friends = live.conversations, live.friends
    blocker, blocked = rng.choice([("cid", "dan"), ("dan", "cid")])
    return [
        lambda: rule.remove_member(ruler, group, who),
        lambda: rule.add_members(ruler, group, [who]),
        lambda: rule.add_members(ruler, group, MEMBERS),
        lambda: rule.leave(caller(who), group),
        lambda: rule.join(caller(who), group, ""),
        lambda: rule.mute_member(ruler, group, who, 3_600),
        lambda: rule.mute_member(ruler, group, who, 0),
        lambda: rule.update_group(ruler, group, GroupSettings(mute_all=rng.random() < 0.3)),
        lambda: rule.set_role(caller(OWNER), group, who, rng.choice([Role.ADMIN, Role.MEMBER])),
        lambda: friends.set_blocked(caller(blocker), blocked, rng.random() < 0.5),
    ]


async def rule(live: Live, rng: random.Random) -> None:
    """Change things, one after the other."""
    for _ in range(ROUNDS):
        with suppress(ServiceError):
            await rng.choice(wishes(live, rng))()
        for _ in range(rng.randint(0, 5)):
            await asyncio.sleep(0)


async def dissolve(live: Live, gateway: Sender) -> None:
    """End a group when about half is sent."""
    await gateway.until(lambda: len(gateway.answers) > 2 * ROUNDS)
    await live.conversations.dissolve(caller(OWNER), GROUPS[1])


async def story(live: Live, rng: random.Random) -> list[Sender]:
    """Let everything happen at once; return the gateways when every message is answered."""
    senders = [Sender(name, rng) for name in ("g1", "g2")]
    for sender in senders:
        await sender.link(live.hub, [route(name, number) for name, number in CONNECTIONS.items()])
    for group in GROUPS:
        members = (ADMIN, *MEMBERS)
        await live.conversations.create_group(caller(OWNER), NewGroup("g", group.removeprefix("sg_"), members))
        await live.conversations.set_role(caller(OWNER), group, ADMIN, Role.ADMIN)
    await live.conversations.open_single(caller("cid"), "dan")
    async with asyncio.TaskGroup() as tasks:
        for sender in senders:
            tasks.create_task(sender.talk())
        tasks.create_task(rule(live, rng))
        tasks.create_task(rule(live, rng))
        tasks.create_task(dissolve(live, senders[0]))
    for sender in senders:
        await sender.until(lambda sender=sender: len(sender.answers) >= len(sender.sent))  # type: ignore[misc]
    live.pipeline.close()
    await live.pipeline.join()
    return senders


@contextmanager
def seeded() -> Iterator[random.Random]:
    """Return a new source of chance; a failure tells its seed."""
    seed = random.SystemRandom().getrandbits(32)
    try:
        yield random.Random(seed)
    except BaseException as error:
        error.add_note(f"the seed was {seed}")
        raise


@pytest.mark.parametrize("turn", range(10))
async def test_any_race_leaves_what_was_allowed(live: Live, turn: int) -> None:
    assert isinstance(live.store, WatchedStore)
    with seeded() as rng:
        senders = await story(live, rng)
        logs = {chat: await live.store.entries(chat, 1, 10_000) for chat in CHATS}
        for chat, log in logs.items():
            [state] = await live.store.states([chat], [])
            assert [entry.seq for entry in log] == list(range(1, state.conversation.max_seq + 1))
        witness = Witness(live.store.changes, [entry for log in logs.values() for entry in log])
        witness.replay((await live.store.outbox(0, 10_000, 0)).events)
        check_answers(senders, logs)
        check_pushes(senders, logs, witness)
        codes = Counter(answer.code for sender in senders for answer in sender.answers)
        assert codes[""] > ROUNDS // 5, "so much is refused that nothing is tested"


def check_answers(senders: list[Sender], logs: dict[str, list[Entry]]) -> None:
    """Every item is answered once, to the gateway it came from, and truly."""
    stored = {(entry.sender, entry.client_msg_id): entry for log in logs.values() for entry in log}
    assert len(stored) == sum(map(len, logs.values())), "a key is stored twice"
    accepted = set()
    for sender in senders:
        assert Counter(answer.ref for answer in sender.answers) == Counter(list(sender.sent))
        for answer in sender.answers:
            item = sender.sent[answer.ref]
            assert (answer.connection, answer.client_msg_id) == (item.connection, item.client_msg_id)
            entry = stored.get((item.sender, item.client_msg_id))
            if not answer.code:
                assert entry is not None
                check_ack(answer, item, entry)
                accepted.add((item.sender, item.client_msg_id))
            elif answer.code == Code.KEY_CONFLICT.text:
                assert entry is not None
                assert (entry.conversation_id, entry.content) != (item.conversation_id, item.content)
    messages = {key for key, entry in stored.items() if entry.kind != Kind.SYSTEM}
    assert messages == accepted, "something is stored that nobody was told of"


def check_ack(answer: SendAnswer, item: SendItem, entry: Entry) -> None:
    """An answer that says stored tells what is stored."""
    assert (entry.conversation_id, entry.content) == (item.conversation_id, item.content)
    assert (answer.conversation_id, answer.seq, answer.message_id, answer.ordinal, answer.created_at) == (
        entry.conversation_id,
        entry.seq,
        entry.message_id,
        entry.ordinal,
        entry.created_at,
    )


def check_pushes(senders: list[Sender], logs: dict[str, list[Entry]], witness: Witness) -> None:
    """Each gateway is pushed every message once, ascending, for exactly those who were members at its commit."""
    for sender in senders:
        pushed: dict[str, list[int]] = {chat: [] for chat in CHATS}
        for push in (push for batch in sender.of(PushBatch) for push in batch.pushes):
            for entry, origin in zip(push.entries, push.origins, strict=True):
                assert entry == logs[entry.conversation_id][entry.seq - 1]
                assert set(push.users) == witness.audience[entry.conversation_id, entry.seq]
                assert origin in (0, CONNECTIONS[entry.sender])
                pushed[entry.conversation_id].append(entry.seq)
        for chat, seqs in pushed.items():
            messages = [entry.seq for entry in logs[chat] if entry.kind != Kind.SYSTEM]
            assert seqs == messages, f"{chat} on {sender.name}"
