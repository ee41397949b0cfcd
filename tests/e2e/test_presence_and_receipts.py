"""Who is told that somebody came, went or has read: no more than it takes, and nobody else."""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import Any

import pytest

from tests.e2e.clients import HttpError, Socket, User, people
from tests.e2e.servers import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENVIRONMENT = {
    "RESONANCE_PRESENCE__OFFLINE_DELAY": "2",
    "RESONANCE_RECEIPTS__GROUP_LIMIT": "4",
    "RESONANCE_RECEIPTS__COALESCE": "1",
}


async def befriend(ann: User, bob: User) -> None:
    """Make two people friends."""
    await ann.post("/friends/requests", user_id=bob.name)
    await bob.request("PUT", f"/friends/requests/{ann.name}", action="accept")


def signals(socket: Socket, kind: str) -> list[dict[str, Any]]:
    """Return the signals of a kind so far, in order of arrival."""
    return [packet["signal"][kind] for packet in socket.received if kind in packet.get("signal", {})]


def receipts(socket: Socket, conversation: str) -> list[tuple[str, int]]:
    """Return who has read a conversation up to where, as a socket was told."""
    return [
        (receipt["userId"], int(receipt["readSeq"]))
        for receipt in signals(socket, "receipt")
        if receipt["conversationId"] == conversation
    ]


async def wait_receipt(socket: Socket, conversation: str, user: str, seq: int) -> None:
    """Wait until a socket was told of this receipt."""
    wanted = {"conversationId": conversation, "userId": user, "readSeq": str(seq)}
    await socket.wait(lambda packet: packet.get("signal", {}).get("receipt") == wanted)


async def read(socket: Socket, conversation: str, seq: int) -> None:
    """Move the pointer over a socket, and wait until it has moved."""
    ref = f"read{seq}"
    await socket.send({"seq": ref, "read": {"sessionId": conversation, "seqId": str(seq)}})
    await socket.wait(lambda packet: packet.get("readAck", {}).get("refSeq") == ref)


async def test_in_a_group_senders_get_one_receipt_for_many_moves(deployment: Deployment) -> None:
    ann, bob, cid = await people(deployment.url, "ann", "bob", "cid")
    group = (await ann.post("/groups", name="Small", members=[bob.name, cid.name]))["conversation_id"]
    at_ann, at_bob, at_cid = await Socket.open(ann), await Socket.open(bob), await Socket.open(cid)
    seqs = [int((await at_ann.chat(group, f"{n}", f"{n}"))["seqId"]) for n in range(5)]

    await asyncio.gather(*(read(at_bob, group, seq) for seq in seqs))
    await wait_receipt(at_ann, group, bob.name, seqs[-1])
    moves = receipts(at_ann, group)
    assert len(moves) < len(seqs)
    assert moves == sorted(moves)

    await at_ann.chat(group, "fence", "fence")
    await at_cid.wait_push("fence")
    assert receipts(at_cid, group) == []  # cid sent nothing that bob could have read
    for socket in (at_ann, at_bob, at_cid):
        await socket.close()


async def test_in_a_larger_group_receipts_are_asked_for(deployment: Deployment) -> None:
    ann, bob, *others = await people(deployment.url, "ann", "bob", "cid", "dan", "eve")
    large = await ann.post("/groups", name="Large", members=[bob.name, *(other.name for other in others)])
    small = (await ann.post("/groups", name="Small", members=[bob.name]))["conversation_id"]
    conversation = large["conversation_id"]
    at_ann, at_bob = await Socket.open(ann), await Socket.open(bob)
    seq = int((await at_ann.chat(conversation, "to all", "large"))["seqId"])
    fence = int((await at_ann.chat(small, "to bob", "small"))["seqId"])

    await read(at_bob, conversation, seq)
    await read(at_bob, small, fence)
    await wait_receipt(at_ann, small, bob.name, fence)  # whatever was to be told of the move before is told by now
    assert receipts(at_ann, conversation) == []
    found = (await ann.get(f"/conversations/{conversation}/readers?seq={seq}"))["readers"]
    assert {reader["user_id"]: reader["read_seq"] for reader in found} == {ann.name: seq, bob.name: seq}

    [stranger] = await people(deployment.url, "stranger")
    with pytest.raises(HttpError) as refused:
        await stranger.get(f"/conversations/{conversation}/readers?seq={seq}")
    assert refused.value.problem["code"] == "not_member"
    await at_ann.close()
    await at_bob.close()


@pytest.mark.parametrize("door", ["socket", "http"])
async def test_reading_on_one_device_moves_the_pointer_of_the_other(deployment: Deployment, door: str) -> None:
    ann, bob = await people(deployment.url, "ann", "bob")
    at_ann, phone, laptop = await Socket.open(ann), await Socket.open(bob), await Socket.open(await bob.login())
    ack = await at_ann.chat("", "read me", "k", toUsername=bob.name)
    conversation, seq = ack["sessionId"], int(ack["seqId"])
    await laptop.wait_push("read me")
    if door == "socket":
        await read(phone, conversation, seq)
    else:
        await bob.post(f"/conversations/{conversation}/read", seq=seq)
    await wait_receipt(laptop, conversation, bob.name, seq)
    await wait_receipt(at_ann, conversation, bob.name, seq)
    assert (await bob.get(f"/conversations/{conversation}"))["unread_count"] == 0
    for socket in (at_ann, phone, laptop):
        await socket.close()


async def test_who_comes_back_at_once_was_never_away(deployment: Deployment) -> None:
    ann, bob = await people(deployment.url, "ann", "bob")
    await befriend(ann, bob)
    at_ann, at_bob = await Socket.open(ann), await Socket.open(bob)
    await at_ann.wait_signal("presence")
    await at_bob.close()
    at_bob = await Socket.open(bob)
    [state] = (await ann.get(f"/users/presence?ids={bob.name}"))["presence"]
    assert state["online"]

    await at_bob.close()
    await at_ann.wait(lambda packet: "online" not in packet.get("signal", {}).get("presence", {"online": True}))
    told = [presence.get("online", False) for presence in signals(at_ann, "presence")]
    # New friends are told once more that the other one is online.
    assert [state for state, _ in groupby(told)] == [True, False]
    [state] = (await ann.get(f"/users/presence?ids={bob.name}"))["presence"]
    assert not state["online"]
    assert state["last_seen_at"] > 0
    await at_ann.close()


async def test_only_friends_are_told_of_presence(deployment: Deployment) -> None:
    ann, bob, stranger = await people(deployment.url, "ann", "bob", "stranger")
    await befriend(ann, bob)
    at_ann, at_stranger = await Socket.open(ann), await Socket.open(stranger)
    at_bob = await Socket.open(bob)
    await at_ann.wait_signal("presence")
    await at_bob.chat("", "fence", "k", toUsername=stranger.name)
    await at_stranger.wait_push("fence")
    assert signals(at_stranger, "presence") == []
    assert not any(state["online"] for state in (await stranger.get(f"/users/presence?ids={bob.name}"))["presence"])
    for socket in (at_ann, at_bob, at_stranger):
        await socket.close()
