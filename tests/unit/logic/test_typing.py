"""Typing: who is told that somebody writes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from resonance.domain.errors import Code
from resonance.domain.model import NewGroup
from resonance.domain.signals import Typing
from resonance.engines.sqlite.store import SqliteStore
from tests.unit.logic.live import Gateway, Live, caller, route, running
from tests.unit.logic.refusals import refused

NAMES = ["ann", "bob", "cid"]


@pytest.fixture
async def live(store: SqliteStore) -> AsyncIterator[Live]:
    async with running(store) as made:
        await made.people(*NAMES)
        yield made


async def told(live: Live, writer: str, conversation_id: str) -> list[str]:
    """Let somebody write; return who of those online is told."""
    gateway = Gateway("g")
    await gateway.link(live.hub, [route(name, number) for number, name in enumerate(NAMES, 1)])
    await live.messages.typing(caller(writer), conversation_id)
    names = [name for name in NAMES if gateway.signalled(name) == [Typing(conversation_id, writer)]]
    gateway.cut()
    return names


async def test_the_peer_is_told_unless_they_have_blocked_the_writer(live: Live) -> None:
    chat = (await live.send("ann", "", to="bob")).conversation_id
    assert await told(live, "ann", chat) == ["bob"]
    await live.friends.set_blocked(caller("bob"), "ann", True)
    assert await told(live, "ann", chat) == []
    assert await told(live, "bob", chat) == ["ann"]
    await live.friends.set_blocked(caller("bob"), "ann", False)
    assert await told(live, "ann", chat) == ["bob"]


async def test_the_present_members_of_a_group_are_told_also_across_a_block(live: Live) -> None:
    """A group is everybody's: what the blocked one writes is seen there too."""
    chat = (await live.conversations.create_group(caller("ann"), NewGroup("g", members=("bob", "cid")))).conversation.id
    await live.friends.set_blocked(caller("bob"), "ann", True)
    assert await told(live, "ann", chat) == ["bob", "cid"]
    await live.conversations.leave(caller("cid"), chat)
    assert await told(live, "ann", chat) == ["bob"]
    await refused(live.messages.typing(caller("cid"), chat), Code.MEMBER_INACTIVE)


async def test_nobody_is_told_in_everybodys_conversation(live: Live) -> None:
    await live.store.ensure_open("world", "World")
    assert await told(live, "ann", "world") == []
