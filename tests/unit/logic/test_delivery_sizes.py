"""Delivery does not depend on how many have left, and the sending connection has its ack: it is not pushed to."""

from __future__ import annotations

import asyncio
from typing import cast

from resonance.domain.events import EntriesAppended
from resonance.domain.ids import UserId
from resonance.domain.model import SMALL_CONVERSATION, GroupChange, MemberChange, MemberOp, NewGroup, NewUser
from resonance.domain.windows import History
from resonance.ports.store import Store
from resonance.services.link import PushBatch
from resonance.task.audiences import Audiences
from resonance.task.processors.fanout import Fanout
from tests.unit.logic.live import Gateway, Live, route, running, text

OWNER = "owner"


async def crowd(live: Live, count: int) -> list[str]:
    """Make accounts, many at a time."""
    names = [f"member{number:04}" for number in range(count)]
    await asyncio.gather(*(live.store.create_user(NewUser(UserId(name), name, "")) for name in names))
    return names


async def change(live: Live, group: str, op: MemberOp, users: list[str]) -> None:
    """Let many join or leave in one change, straight in the store."""
    [state] = await live.store.states([group], [])
    members = tuple(MemberChange(UserId(user), op) for user in users)
    await live.store.change_group(
        GroupChange(
            state.conversation.id,
            state.conversation.version,
            UserId(OWNER),
            op.value,
            members,
            message_id=live.ids.next(),
        )
    )


async def test_a_group_that_many_have_left_is_still_pushed_to_at_once(store: Store) -> None:
    """More rows than a complete state holds, but fewer members than task fans out to: logic has to deliver."""
    async with running(store) as live:
        await live.people(OWNER, "ann")
        leavers = await crowd(live, SMALL_CONVERSATION)
        group = await store.create_group(
            OWNER, NewGroup("g", "g", ("ann",), history=History.FULL), live.ids.next(), "{}"
        )
        await change(live, group.id, MemberOp.JOIN, leavers)
        await change(live, group.id, MemberOp.LEAVE, leavers)
        [state] = await store.states([group.id], [OWNER])
        assert not state.complete, "the state is complete: this test is about one that is not"
        gateway = Gateway("g1")
        await gateway.link(live.hub, [route(OWNER, 1), route("ann", 2)])
        gateway.submit(text(1, OWNER, group.id, content="still here")._replace(connection=1))
        await gateway.until(lambda: any(entry.content == "still here" for entry in gateway.pushed("ann")))
        assert origins(gateway, "still here") == {1}


async def test_the_fan_out_of_a_large_group_leaves_the_sending_connection_out(store: Store) -> None:
    async with running(store) as live:
        await live.people(OWNER, "ann")
        others = await crowd(live, SMALL_CONVERSATION)
        group = await store.create_group(
            OWNER, NewGroup("g", "g", ("ann",), history=History.FULL, max_members=10_000), live.ids.next(), "{}"
        )
        await change(live, group.id, MemberOp.JOIN, others)
        gateway = Gateway("g1")
        await gateway.link(live.hub, [route(OWNER, 1), route("ann", 2)])
        before = (await store.outbox(2**62, 1, 0)).head
        gateway.submit(text(1, OWNER, group.id, content="to many")._replace(connection=1))
        await gateway.until(lambda: bool(gateway.answers))
        events = [event for event in (await store.outbox(before, 10, 0)).events if event.kind == EntriesAppended.kind]
        await Fanout(store, live.delivery, Audiences(store)).process(events)
        await gateway.until(lambda: any(entry.content == "to many" for entry in gateway.pushed("ann")))
        assert origins(gateway, "to many") == {1}


def origins(gateway: Gateway, content: str) -> set[int]:
    """Return the connections that are said to have sent a message, over all its pushes."""
    return {
        origin
        for batch in cast("list[PushBatch]", gateway.of(PushBatch))
        for push in batch.pushes
        for entry, origin in zip(push.entries, push.origins, strict=True)
        if entry.content == content
    }
