"""The main job, by clients that share no code with the server, in one process and split into roles."""

from __future__ import annotations

import asyncio

import pytest

from tests.e2e.clients import HttpError, Socket, call, people
from tests.e2e.servers import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("binary", [False, True], ids=["json", "protobuf"])
async def test_two_people_chat_lose_their_connection_and_catch_up(deployment: Deployment, binary: bool) -> None:
    ann, bob = await people(deployment.url, "ann", "bob")
    at_ann = await Socket.open(ann, binary=binary)
    at_bob = await Socket.open(bob, binary=not binary)

    ack = await at_ann.chat("", "hello bob", "k1", toUsername=bob.name)
    conversation = ack["sessionId"]
    assert ack["seqId"] == "1"
    push = await at_bob.wait_push("hello bob")
    assert (push["fromUsername"], push["seqId"], push["sessionId"]) == (ann.name, "1", conversation)

    await at_bob.close()
    for number in range(20):
        await at_ann.chat(conversation, f"while away {number}", f"away{number}")

    at_bob = await Socket.open(bob, binary=not binary)
    state = await bob.get("/sync")
    [view] = [c for c in state["conversations"] if c["conversation_id"] == conversation]
    assert (view["visible_seq"], view["unread_count"]) == (21, 21)
    page = await bob.get(f"/conversations/{conversation}/messages?begin=2&limit=500")
    assert [message["content"] for message in page["messages"]] == [f"while away {n}" for n in range(20)]
    assert [message["seq"] for message in page["messages"]] == list(range(2, 22))

    await at_bob.send({"seq": "read", "read": {"sessionId": conversation, "seqId": "21"}})
    read = await at_bob.wait(lambda packet: packet.get("readAck", {}).get("refSeq") == "read")
    assert read["readAck"]["readSeq"] == "21"
    receipt = await at_ann.wait_signal("receipt")
    assert (receipt["userId"], receipt["readSeq"]) == (bob.name, "21")

    assert at_ann.pushes(conversation) == []  # the sending connection has its acks
    await at_ann.close()
    await at_bob.close()


async def test_a_group_from_its_making_to_its_end(deployment: Deployment) -> None:
    ann, bob, cid = await people(deployment.url, "ann", "bob", "cid")
    sockets = {user.name: await Socket.open(user) for user in (ann, bob, cid)}
    group = await ann.post("/groups", name="Friends", members=[bob.name])
    conversation = group["conversation_id"]
    await sockets[bob.name].wait_signal("conversationChanged")

    await sockets[ann.name].chat(conversation, "before cid", "g1")
    await sockets[bob.name].wait_push("before cid")
    with pytest.raises(HttpError) as refused:
        await cid.get(f"/conversations/{conversation}/messages")
    assert refused.value.problem["code"] == "not_member"

    assert (await cid.request("POST", f"/groups/{group['group_id']}/join"))["status"] == "accepted"
    await sockets[ann.name].chat(conversation, "hello cid", "g2")
    await sockets[cid.name].wait_push("hello cid")
    page = await cid.get(f"/conversations/{conversation}/messages")
    seen = [message["content"] for message in page["messages"] if message["type"] == "text"]
    assert seen == ["hello cid"]  # since_join: nothing from before

    await ann.request("DELETE", f"/groups/{group['group_id']}/members/{cid.name}")
    ack = await sockets[cid.name].chat(conversation, "still here?", "g3")
    assert (ack["code"], ack.get("retry", False)) == ("member_inactive", False)
    await sockets[ann.name].chat(conversation, "cid is gone", "g4")
    await sockets[bob.name].wait_push("cid is gone")
    page = await cid.get(f"/conversations/{conversation}/messages")
    assert "cid is gone" not in [message["content"] for message in page["messages"]]
    assert "hello cid" in [message["content"] for message in page["messages"]]

    await ann.request("DELETE", f"/groups/{group['group_id']}")
    ack = await sockets[bob.name].chat(conversation, "too late", "g5")
    assert ack["code"] == "conversation_dissolved"
    for socket in sockets.values():
        await socket.close()


async def test_one_key_is_one_message_over_every_door(deployment: Deployment) -> None:
    ann, bob = await people(deployment.url, "ann", "bob")
    at_ann, at_bob = await Socket.open(ann), await Socket.open(bob)
    first = await at_ann.chat("", "once", "key", toUsername=bob.name)
    conversation = first["sessionId"]
    again = await at_ann.chat(conversation, "once", "key")
    over_http = await ann.post("/messages", conversation_id=conversation, content="once", client_msg_id="key")
    assert again["msgId"] == first["msgId"] == over_http["message_id"]
    other = await at_ann.chat(conversation, "something else", "key")
    assert other["code"] == "key_conflict"

    await bob.request("PUT", f"/blocks/{ann.name}")
    refused = await at_ann.chat(conversation, "blocked now", "key2")
    assert refused["code"] == "blocked"
    still = await at_ann.chat(conversation, "once", "key")
    assert still["msgId"] == first["msgId"]  # looked up before any refusal

    await bob.request("DELETE", f"/blocks/{ann.name}")
    await at_ann.chat(conversation, "last", "key3")
    await at_bob.wait_push("last")
    assert [push["content"] for push in at_bob.pushes(conversation)] == ["once", "last"]
    await at_ann.close()
    await at_bob.close()


async def test_all_devices_get_it_and_the_sending_one_does_not(deployment: Deployment) -> None:
    ann, bob = await people(deployment.url, "ann", "bob")
    phone, laptop, at_bob = await Socket.open(ann), await Socket.open(ann), await Socket.open(bob)
    ack = await phone.chat("", "hi", "k", toUsername=bob.name)
    await laptop.wait_push("hi")
    await at_bob.wait_push("hi")
    await phone.chat(ack["sessionId"], "fence", "k2")
    await laptop.wait_push("fence")
    assert phone.pushes(ack["sessionId"]) == []
    for socket in (phone, laptop, at_bob):
        await socket.close()


async def test_friends_see_each_other_come_and_go(deployment: Deployment) -> None:
    ann, bob = await people(deployment.url, "ann", "bob")
    at_ann = await Socket.open(ann)
    assert (await bob.post("/friends/requests", user_id=ann.name, message="hi"))["status"] == "pending"
    changed = await at_ann.wait_signal("friendChanged")
    assert (changed["action"], changed["userId"]) == ("requested", bob.name)
    await ann.request("PUT", f"/friends/requests/{bob.name}", action="accept")
    at_bob = await Socket.open(bob)
    online = await at_ann.wait_signal("presence")
    assert (online["userId"], online["online"]) == (bob.name, True)
    await at_bob.close()
    # whoever accepts is told of the other's presence by task, too: that he is there may be said twice
    offline = await at_ann.wait(
        lambda p: "presence" in p.get("signal", {}) and not p["signal"]["presence"].get("online", False)
    )
    assert offline["signal"]["presence"]["userId"] == bob.name
    [friend] = (await ann.get("/friends"))["friends"]
    assert friend["user"]["id"] == bob.name
    await at_ann.close()


async def test_typing_reaches_the_other_one(deployment: Deployment) -> None:
    ann, bob = await people(deployment.url, "ann", "bob")
    at_ann, at_bob = await Socket.open(ann), await Socket.open(bob)
    ack = await at_ann.chat("", "hi", "k", toUsername=bob.name)
    await at_bob.send({"typing": {"sessionId": ack["sessionId"]}})
    typing = await at_ann.wait_signal("typing")
    assert typing["userId"] == bob.name
    await at_ann.close()
    await at_bob.close()


async def test_logging_out_ends_the_connection_and_the_token(deployment: Deployment) -> None:
    (ann,) = await people(deployment.url, "ann")
    socket = await Socket.open(ann)
    await ann.post("/auth/logout")
    async with asyncio.timeout(10):
        await socket.closed.wait()
    assert socket.close_code == 4502
    with pytest.raises(HttpError) as refused:
        await call(ann.url, "POST", "/api/v1/auth/refresh", {"refresh_token": ann.refresh_token})
    assert refused.value.problem["code"] == "token_revoked"


async def test_the_session_routes_of_seed_001(deployment: Deployment) -> None:
    ann, bob = await people(deployment.url, "ann", "bob")
    created = await ann.post("/session/create", members=[bob.name], name="", type=1)
    await ann.post("/messages", conversation_id=created["session_id"], content="hello", client_msg_id="k")
    [session] = (await bob.get("/session/list"))["sessions"]
    assert (session["session_id"], session["unread_count"]) == (created["session_id"], 1)
    page = await bob.get(f"/session/messages?session_id={created['session_id']}&limit=10")
    assert [message["content"] for message in page["messages"]] == ["hello"]
    found = await ann.get(f"/session/search?query={bob.name}")
    assert [user["username"] for user in found["users"]] == [bob.name]
