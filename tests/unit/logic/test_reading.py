"""Reading on a real store: what may be asked for, and that nothing outside the window is answered."""

from __future__ import annotations

import pytest

from resonance.domain.errors import Code
from resonance.domain.ids import ConversationId
from resonance.domain.model import Caller, NewEntry, NewGroup, SendAnswer, SendItem
from resonance.domain.windows import History
from resonance.logic.census import Census
from resonance.logic.reading import Reading
from tests.unit.logic.conftest import World
from tests.unit.logic.refusals import refused

GROUP = ConversationId("sg_g")


class ReadOnly(Reading):
    """The reading half alone."""

    async def send(self, caller: Caller, item: SendItem) -> SendAnswer:
        raise NotImplementedError

    async def typing(self, caller: Caller, conversation_id: str) -> None:
        raise NotImplementedError


@pytest.fixture
def reading(world: World) -> ReadOnly:
    return ReadOnly(world.store, Census(world.store))


@pytest.fixture
async def people(world: World) -> list[Caller]:
    """A group of ann and bob with entries 1 (created) to 6, cleo outside, who joins as 7 and sees 7 and 8."""
    ann, bob, cleo, eve = await world.people("ann", "bob", "cleo", "eve")
    group = NewGroup("Group", group_id="g", members=("bob",), history=History.SINCE_JOIN)
    await world.conversations.create_group(ann, group)
    await say(world, "ann", 2, 3, 4, 5, 6)
    await world.conversations.join(cleo, GROUP, "")
    await say(world, "ann", 8)
    return [ann, bob, cleo, eve]


async def say(world: World, sender: str, *seqs: int) -> None:
    [state] = await world.store.states([GROUP], [])
    version = state.conversation.version
    batch = [NewEntry(GROUP, version, 1000 + n, sender, f"k{n}", b"h" * 16, 1, f"text {n}", "") for n in seqs]
    await world.store.append(batch)


@pytest.mark.parametrize(
    ("before", "limit", "expected"),
    [(0, 3, [6, 7, 8]), (7, 3, [4, 5, 6]), (3, 200, [1, 2]), (2, 10, [1]), (1, 10, []), (100, 2, [7, 8])],
)
async def test_history(reading: Reading, people: list[Caller], before: int, limit: int, expected: list[int]) -> None:
    page = await reading.history(people[0], GROUP, before, limit)
    assert [entry.seq for entry in page.entries] == expected
    assert (page.begin, page.end) == (1, 8)


@pytest.mark.parametrize(
    ("begin", "end", "limit", "expected"),
    [(0, 0, 3, [1, 2, 3]), (4, 6, 500, [4, 5, 6]), (7, 0, 10, [7, 8]), (9, 0, 10, []), (5, 4, 10, []), (7, 99, 1, [7])],
)
async def test_pull(
    reading: Reading, people: list[Caller], begin: int, end: int, limit: int, expected: list[int]
) -> None:
    page = await reading.pull(people[0], GROUP, begin, end, limit)
    assert [entry.seq for entry in page.entries] == expected


async def test_nobody_reads_outside_their_window(reading: Reading, people: list[Caller]) -> None:
    _, _, cleo, eve = people
    assert [e.seq for e in (await reading.pull(cleo, GROUP, 0, 0, 500)).entries] == [7, 8]
    assert [e.seq for e in (await reading.history(cleo, GROUP, 7, 200)).entries] == []
    assert [e.seq for e in (await reading.history(cleo, GROUP, 1, 200)).entries] == []
    for call in (
        reading.pull(eve, GROUP, 0, 0, 10),
        reading.history(eve, GROUP, 0, 10),
        reading.mark_read(eve, GROUP, 1),
        reading.readers(eve, GROUP, 1),
    ):
        await refused(call, Code.NOT_MEMBER)
    assert await reading.heads(eve, [GROUP]) == {}


async def test_who_was_removed_reads_up_to_that_and_sees_no_readers(
    world: World, reading: Reading, people: list[Caller]
) -> None:
    ann, bob, *_ = people
    await world.conversations.remove_member(ann, GROUP, "bob")
    await say(world, "ann", 10)
    assert [e.seq for e in (await reading.history(bob, GROUP, 0, 2)).entries] == [8, 9]
    assert await reading.heads(bob, [GROUP]) == {GROUP: 9}
    await refused(reading.readers(bob, GROUP, 1), Code.MEMBER_INACTIVE)


async def test_a_pointer_beyond_the_end_stands_at_the_end(reading: Reading, people: list[Caller]) -> None:
    _, bob, *_ = people
    state = await reading.mark_read(bob, GROUP, 2**62)
    assert (state.read_seq, state.unread, state.moved) == (8, 0, True)
    assert not (await reading.mark_read(bob, GROUP, 3)).moved


async def test_readers(reading: Reading, people: list[Caller]) -> None:
    ann, bob, *_ = people
    assert [reader.user_id for reader in await reading.readers(ann, GROUP, 8)] == ["ann"]
    await reading.mark_read(bob, GROUP, 8)
    assert [(reader.user_id, reader.read_seq) for reader in await reading.readers(ann, GROUP, 8)] == [
        ("ann", 8),
        ("bob", 8),
    ]


async def test_heads_of_many(world: World, reading: Reading, people: list[Caller]) -> None:
    ann, *_ = people
    assert await reading.heads(ann, [GROUP, "sg_other", GROUP]) == {GROUP: 8}
    assert await reading.heads(ann, []) == {}


async def test_sync_and_inbox_bring_what_is_visible(reading: Reading, people: list[Caller]) -> None:
    _, _, cleo, _ = people
    page = await reading.sync(cleo, "", 1000)
    assert [(view.conversation.id, view.visible_seq) for view in page.conversations] == [(GROUP, 8)]
    assert (await reading.sync(cleo, page.token, 1000)).full is False
    assert [item.entry.seq for item in (await reading.inbox(cleo, 0, 500)).items] == [7, 8]


async def test_bounds(reading: Reading, people: list[Caller]) -> None:
    ann, *_ = people
    for call, field in (
        (reading.history(ann, GROUP, -1, 10), "before_seq"),
        (reading.history(ann, GROUP, 2**63, 10), "before_seq"),
        (reading.history(ann, GROUP, 0, 0), "limit"),
        (reading.history(ann, GROUP, 0, 201), "limit"),
        (reading.history(ann, "a\nb", 0, 1), "conversation_id"),
        (reading.pull(ann, GROUP, -1, 0, 10), "begin"),
        (reading.pull(ann, GROUP, 0, 2**63, 10), "end"),
        (reading.pull(ann, GROUP, 0, 0, 501), "limit"),
        (reading.pull(ann, "", 0, 0, 1), "conversation_id"),
        (reading.pick(ann, GROUP, [1, -1]), "seqs"),
        (reading.pick(ann, GROUP, [2**63]), "seqs"),
        (reading.pick(ann, GROUP, range(1, 502)), "seqs"),
        (reading.pick(ann, "", [1]), "conversation_id"),
        (reading.heads(ann, ["sg_g"] * 501), "conversation_ids"),
        (reading.heads(ann, ["\ud800"]), "conversation_ids"),
        (reading.mark_read(ann, GROUP, -1), "seq"),
        (reading.mark_read(ann, "x" * 161, 1), "conversation_id"),
        (reading.readers(ann, GROUP, 0), "seq"),
        (reading.sync(ann, "\x00", 10), "token"),
        (reading.sync(ann, "x" * 513, 10), "token"),
        (reading.sync(ann, "", 1001), "limit"),
        (reading.inbox(ann, -1, 10), "cursor"),
        (reading.inbox(ann, 0, 501), "limit"),
    ):
        await refused(call, Code.INVALID_ARGUMENT, field)
    for call in (
        reading.history(ann, "sg_none", 0, 1),
        reading.pick(ann, "sg_none", [1]),
        reading.pull(ann, "sg_none", 0, 0, 1),
    ):
        await refused(call, Code.CONVERSATION_NOT_FOUND)
