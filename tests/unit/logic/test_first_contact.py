"""Nobody puts a conversation into the list of somebody they may not write to; and readers show no more than entries."""

from __future__ import annotations

import pytest

from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import NewGroup
from resonance.domain.windows import History
from resonance.logic.census import Census
from resonance.logic.conversations import ConversationsLogic
from resonance.logic.states import States
from resonance.ports.store import Store
from tests.unit.logic.live import caller, running


async def test_a_blocked_user_cannot_open_a_conversation(store: Store) -> None:
    async with running(store) as live:
        await live.people("bob", "eve")
        await live.friends.set_blocked(caller("bob"), "eve", True)
        with pytest.raises(ServiceError) as refused:
            await live.conversations.open_single(caller("eve"), "bob")
        assert refused.value.code is Code.BLOCKED
        assert (await live.conversations.page(caller("bob"), "", 10, True)).items == []


async def test_where_strangers_are_refused_they_open_nothing(store: Store) -> None:
    async with running(store) as live:
        await live.people("bob", "eve")
        strict = ConversationsLogic(
            store, live.states, live.ids, live.settings.groups, live.clock, Census(store), strangers=False
        )
        with pytest.raises(ServiceError) as refused:
            await strict.open_single(caller("eve"), "bob")
        assert refused.value.code is Code.STRANGERS_REFUSED
        assert (await strict.open_single(caller("eve"), "eve")).conversation.member_count == 1


async def test_an_existing_conversation_stays_open_to_a_blocked_user(store: Store) -> None:
    async with running(store) as live:
        await live.people("bob", "eve")
        sent = await live.send("eve", "", to="bob")
        await live.friends.set_blocked(caller("bob"), "eve", True)
        view = await live.conversations.open_single(caller("eve"), "bob")
        assert view.conversation.id == sent.conversation_id


async def test_readers_of_an_entry_one_cannot_see_are_not_told(store: Store) -> None:
    async with running(store) as live:
        await live.people("ann", "bob")
        group = NewGroup("g", history=History.SINCE_JOIN)
        chat = (await live.conversations.create_group(caller("ann"), group)).conversation.id
        await live.send("ann", chat)
        await live.conversations.add_members(caller("ann"), chat, ["bob"])
        assert await live.messages.readers(caller("bob"), chat, 1) == []
        assert [reader.user_id for reader in await live.messages.readers(caller("ann"), chat, 1)] == ["ann"]


async def test_the_cache_of_states_is_bounded_by_its_members(store: Store) -> None:
    """Many large groups must not fill the memory; the newest one is kept however large it is."""
    async with running(store) as live:
        names = [f"user{number}" for number in range(6)]
        await live.people("ann", *names)
        states = States(store, rows=10)
        groups = []
        for _ in range(3):
            made = await live.conversations.create_group(caller("ann"), NewGroup("g", members=tuple(names)))
            groups.append(made.conversation.id)
            await states.load({made.conversation.id: ["ann"]})
        assert [states.peek(group) is not None for group in groups] == [False, False, True]
