"""The cache of states on a real store: what is known is not read again, and nothing older is kept beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from resonance.config.engines import StoreConfig
from resonance.domain.model import SMALL_CONVERSATION, ConversationState
from resonance.engines.sqlite.store import SqliteStore
from resonance.logic.states import States
from tests.contract.store.making import change, group, kick, leave, mute, people, say, state


class Counted(SqliteStore):
    """A store that writes down which states were read, for whom."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, StoreConfig())
        self.reads: list[tuple[list[str], list[str]]] = []

    async def states(self, conversation_ids: Sequence[str], user_ids: Sequence[str]) -> list[ConversationState]:
        self.reads.append((list(conversation_ids), list(user_ids)))
        return await super().states(conversation_ids, user_ids)


@pytest.fixture
async def counted(tmp_path: Path) -> AsyncIterator[Counted]:
    made = Counted(tmp_path / "resonance.db")
    await made.start()
    await people(made, "anna", "bert", "carl")
    yield made
    made.close()
    await made.join()


async def large(store: Counted) -> str:
    """Return a group whose state does not hold everybody."""
    crowd = [f"u{number:03}" for number in range(SMALL_CONVERSATION)]
    await asyncio.gather(*(people(store, name) for name in crowd))
    return (await group(store, "anna", "bert", *crowd, max_members=1_000)).id


async def test_what_is_known_is_read_once(counted: Counted) -> None:
    chat = (await group(counted, "anna", "bert")).id
    states = States(counted)
    first = await states.get([chat, "sg_nothing"], ["anna"])
    assert await states.get([chat], ["bert", "nobody"]) == first
    assert set(first) == {chat}
    assert counted.reads == [([chat, "sg_nothing"], ["anna"])]


async def test_the_audience_is_of_present_members(counted: Counted) -> None:
    before = await group(counted, "anna", "bert", "carl")
    await change(counted, before, kick("bert"))
    states = States(counted)
    await states.load({before.id: ["bert"]})
    cached = states.peek(before.id)
    assert cached is not None
    assert sorted(cached.audience) == ["anna", "carl"]
    assert cached.covers("bert")
    assert not cached.state.members["bert"].active


async def test_a_newer_version_drops_the_older_state(counted: Counted) -> None:
    chat = await group(counted, "anna", "bert")
    states = States(counted)
    await states.get([chat.id], [])
    states.learn(chat)
    assert states.peek(chat.id) is not None
    changed = await change(counted, chat, mute("bert", 9), content="")
    states.learn(changed)
    assert states.peek(chat.id) is None
    found = await states.get([chat.id], [])
    assert found[chat.id].members["bert"].muted_until == 9


async def test_a_forgotten_state_is_read_anew(counted: Counted) -> None:
    chat = (await group(counted, "anna")).id
    states = States(counted)
    await states.get([chat], [])
    await say(counted, chat, "anna")
    states.forget(chat)
    states.forget("sg_nothing")
    assert (await states.get([chat], []))[chat].conversation.max_seq == 2


async def test_rows_of_a_large_conversation_come_as_they_are_asked_for(counted: Counted) -> None:
    chat = await large(counted)
    states = States(counted)
    counted.reads.clear()
    await states.load({chat: ["anna"]})
    await states.load({chat: ["bert", "nobody"]})
    await states.load({chat: ["anna", "bert", "nobody"]})
    assert counted.reads == [([chat], ["anna"]), ([chat], ["bert", "nobody"])]
    cached = states.peek(chat)
    assert cached is not None
    assert set(cached.state.members) == {"anna", "bert"}
    assert cached.covers("nobody")
    assert not cached.covers("u000")
    assert cached.audience == []


async def test_rows_of_two_versions_are_never_mixed(counted: Counted) -> None:
    chat = await large(counted)
    states = States(counted)
    await states.load({chat: ["bert"]})
    await change(counted, await state(counted, chat), leave("bert"))
    await states.load({chat: ["anna"]})
    cached = states.peek(chat)
    assert cached is not None
    assert set(cached.state.members) == {"anna"}
    assert not cached.covers("bert")


async def test_the_least_recently_used_makes_room(counted: Counted) -> None:
    chats = [(await group(counted, "anna")).id for _ in range(3)]
    states = States(counted, limit=2)
    await states.get(chats[:2], [])
    assert states.peek(chats[0]) is not None
    await states.get([chats[2]], [])
    assert [states.peek(chat) is not None for chat in chats] == [True, False, True]
