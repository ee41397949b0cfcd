"""Nobody misses a message by the moment at which they connect, or at which a part of the server stops."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.e2e.clients import WAIT_S, Socket, User, people
from tests.e2e.servers import Deployment
from tests.faults.talkers import Talker, check, stored

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

ENVIRONMENT = {
    "RESONANCE_OPEN_CONVERSATION__ENABLED": "true",
    "RESONANCE_RPC__HEARTBEAT": "0.5",
    "RESONANCE_RPC__DEADLINE": "3",
}
SPLIT = pytest.mark.parametrize("deployment", ["split"], indirect=True)

WORLD = "world"
READERS = 4
CONNECTIONS = 15
"""How often each reader connects while somebody sends."""
KILLS = 4
BURST = 20


@asynccontextmanager
async def chattering(socket: Socket, conversation: str) -> AsyncIterator[None]:
    """Send one message after the other for as long as the block lasts."""

    async def chatter() -> None:
        while True:
            await socket.chat(conversation, "and another one", "")

    task = asyncio.create_task(chatter())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def seqs(socket: Socket, conversation: str) -> list[int]:
    """Return the seqs that a socket was pushed."""
    return [int(push["seqId"]) for push in socket.pushes(conversation)]


async def synced_head(user: User, conversation: str) -> int:
    """Sync from nothing and return up to where the user may see a conversation."""
    views = (await user.get("/sync"))["conversations"]
    [head] = [view["visible_seq"] for view in views if view["conversation_id"] == conversation]
    assert isinstance(head, int)
    return head


async def test_what_is_sent_while_somebody_connects_is_in_the_sync_or_pushed(deployment: Deployment) -> None:
    ann, *readers = await people(deployment.url, "ann", *(f"reader{n}" for n in range(READERS)))
    group = await ann.post("/groups", name="Busy", members=[reader.name for reader in readers])
    conversation = group["conversation_id"]

    async def connect_again_and_again(reader: User) -> None:
        for number in range(CONNECTIONS):
            socket = await Socket.open(reader, binary=number % 2 == 0)
            head = await synced_head(reader, conversation)
            await socket.wait(lambda packet, head=head: int(packet.get("push", {}).get("seqId", 0)) > head + 1)  # type: ignore[misc]
            pushed = seqs(socket, conversation)
            await socket.close()
            assert pushed == sorted(set(pushed))
            missing = set(range(head + 1, pushed[-1])) - set(pushed)
            assert not missing, f"neither in the sync up to {head} nor pushed: {missing}"

    at_ann = await Socket.open(ann)
    async with chattering(at_ann, conversation):
        await asyncio.gather(*(connect_again_and_again(reader) for reader in readers))
    await at_ann.close()


@SPLIT
@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_who_syncs_while_task_is_away_is_not_stale(deployment: Deployment, how: str) -> None:
    ann, bob = await people(deployment.url, "ann", "bob")
    at_ann, at_bob = await Socket.open(ann), await Socket.open(bob)
    task = deployment.processes["task"]
    await (task.pause() if how == "stopped" else task.kill())

    texts = [f"{how} {number}" for number in range(5)]
    acks = [await at_ann.chat(WORLD, text, text) for text in texts]
    group = await ann.post("/groups", name="Made meanwhile", members=[bob.name])
    head = int(acks[-1]["seqId"])
    assert await synced_head(bob, WORLD) == head
    assert await synced_head(bob, group["conversation_id"]) == 1
    page = await bob.get(f"/conversations/{WORLD}/messages?begin={acks[0]['seqId']}&limit=10")
    assert [message["content"] for message in page["messages"]] == texts
    assert at_bob.pushes(WORLD) == []  # that is task's work

    if how == "stopped":
        task.resume()
    else:
        await task.start()
    await at_bob.wait_push(texts[-1])
    pushed = [push["content"] for push in at_bob.pushes(WORLD)]
    assert [text for text in pushed if text.startswith(how)] == texts  # a killed task may repeat older ones
    changed = await at_bob.wait_signal("conversationChanged")
    assert (changed["conversationId"], changed["action"]) == (group["conversation_id"], "created")
    await at_ann.close()
    await at_bob.close()


@SPLIT
async def test_killing_logic_between_commit_and_push_leaves_nobody_stale(deployment: Deployment) -> None:
    ann, bob, cid = await people(deployment.url, "ann", "bob", "cid")
    conversation = (await ann.post("/groups", name="Brave", members=[bob.name, cid.name]))["conversation_id"]
    followers = [Talker(user, conversation) for user in (ann, bob, cid)]
    for follower in followers:
        await follower.follow()
    followers[0].sent = [f"key {kill}.{number}" for kill in range(KILLS) for number in range(BURST)]
    at_ann = await Socket.open(ann)
    answered = 0
    for kill in range(KILLS):
        for number in range(BURST):
            await at_ann.chat_nowait(conversation, f"{kill}.{number}", f"key {kill}.{number}")
        early = answered + random.randrange(BURST // 2)
        if early:
            await at_ann.wait(lambda packet: "ack" in packet, count=early)
        await deployment.kill_and_restart("logic")
        answered += BURST
        await at_ann.wait(lambda packet: "ack" in packet, count=answered)

    refused = [packet["ack"] for packet in at_ann.received if packet.get("ack", {}).get("code")]
    assert not refused, "the gateway sends what it got no answer to again by itself"
    rows = stored(deployment.database, conversation)
    async with asyncio.timeout(WAIT_S):
        for follower in followers:
            await follower.wait_seen(len(rows))
    check(followers, rows)
    assert len(rows) == 1 + len(followers[0].sent)  # with the entry that tells of the making
    assert [follower.connections for follower in followers] == [1, 1, 1]
    for follower in followers:
        await follower.close()
    await at_ann.close()
