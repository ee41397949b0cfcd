"""GoChat's routes that its web client does not call: generations B and C (wire.md 3.2.2, 3.2.3), field by field."""

from __future__ import annotations

import secrets
import time
from typing import Any

import pytest

from tests.e2e.dialects.client import PASSWORD, Refused
from tests.e2e.dialects.gochat_client import GoChatClient, api
from tests.e2e.dialects.scenarios import clients
from tests.e2e.servers import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")

USER = {"id", "username", "avatarUrl", "isGuest", "status", "createdAt", "updatedAt"}
MESSAGE = {
    "id",
    "conversationId",
    "senderId",
    "sender",
    "messageType",
    "content",
    "seqId",
    "clientMsgId",
    "deleted",
    "extra",
    "createdAt",
}
CONVERSATION = {
    "id",
    "type",
    "name",
    "avatarUrl",
    "description",
    "ownerId",
    "memberCount",
    "settings",
    "lastMessage",
    "unreadCount",
    "updatedAt",
    "myMembership",
}
MEMBER = {"userId", "conversationId", "role", "muted", "joinedAt", "user"}
SOON = 120
"""Seconds that a clock may differ, and a test may take."""


async def people(deployment: Deployment, *names: str) -> list[GoChatClient]:
    made: list[GoChatClient] = await clients(GoChatClient, deployment.url, *names)
    return made


async def refused(call: Any, status: int) -> None:
    with pytest.raises(Refused) as refusal:
        await call
    assert refusal.value.code == status


async def test_logins_hold_both_tokens(deployment: Deployment) -> None:
    name = f"ann{secrets.token_hex(3)}"
    body = {"username": name, "password": PASSWORD}
    made = await api(deployment.url, "POST", "/auth/register", body=body)
    assert made["user"]["username"] == name
    login = await api(deployment.url, "POST", "/auth/login", body=body)
    assert login["user"].keys() >= USER
    assert login["accessToken"] == login["token"]
    assert login["expiresIn"] > time.time() + 60, "a time, not a duration"
    assert abs(login["user"]["createdAt"] - time.time()) < SOON
    renewed = await api(deployment.url, "POST", "/auth/refresh", body={"refreshToken": login["refreshToken"]})
    assert (await api(deployment.url, "GET", "/users/profile", renewed["accessToken"]))["username"] == name
    await refused(api(deployment.url, "POST", "/auth/refresh", body={"refreshToken": "none"}), 401)


async def test_a_guest_without_a_body_may_not_change_search_or_make(deployment: Deployment) -> None:
    guest = await api(deployment.url, "POST", "/auth/guest")
    assert guest["user"]["isGuest"]
    for method, path, body in (
        ("PUT", "/users/profile", {"avatarUrl": "https://example.org/a.png"}),
        ("GET", "/users/search?q=ann", None),
        ("POST", "/friends/requests", {"targetUserId": "ann"}),
        ("POST", "/conversations", {"targetUserId": "ann"}),
    ):
        await refused(api(deployment.url, method, path, guest["accessToken"], body), 403)


async def test_profiles_and_search(deployment: Deployment) -> None:
    ann, bob = await people(deployment, "ann", "bob")
    picture = "https://example.org/a.png"
    changed = await ann.call("PUT", "/users/profile", {"avatarUrl": picture})
    assert (changed["avatarUrl"], changed["avatar"]) == (picture, picture)
    [found] = (await bob.call("GET", f"/users/search?q={ann.name}"))["users"]
    assert (found["id"], found["avatarUrl"]) == (ann.name, picture)
    await refused(bob.call("GET", "/users/search?q=a&limit=21"), 400)


async def test_adding_each_other_as_the_web_client_does(deployment: Deployment) -> None:
    """It has no screen to accept a request: who is asked adds the other one, too."""
    ann, bob = await people(deployment, "ann", "bob")
    asked = await ann.call("POST", "/friends", {"friendId": bob.name})
    assert asked["status"] == "pending"
    assert asked["conversation"]["conversationId"] in await bob.conversations(), "both list it at once"
    assert await ann.call("GET", "/friends") == []
    assert (await bob.call("POST", "/friends", {"friendId": ann.name}))["status"] == "accepted"
    for one, other in ((ann, bob), (bob, ann)):
        [friend] = await one.call("GET", "/friends")
        assert friend["userId"] == other.name
        assert (await one.wait_frame("friend-online", userId=other.name))["online"] is True


async def test_friends_by_request(deployment: Deployment) -> None:
    ann, bob, cid = await people(deployment, "ann", "bob", "cid")
    asked = await ann.call("POST", "/friends/requests", {"targetUserId": bob.name, "message": "it's me"})
    assert asked["status"] == 0
    assert (await bob.wait_frame("friend.request.received")).items() >= {
        "userId": ann.name,
        "message": "it's me",
    }.items()
    [request] = (await bob.call("GET", "/friends/requests?type=received&status=0"))["requests"]
    [sent] = (await ann.call("GET", "/friends/requests?type=sent"))["requests"]
    assert request == sent
    expected = {"id": asked["id"], "requesterId": ann.name, "targetId": bob.name, "message": "it's me", "status": 0}
    assert request.items() >= expected.items()
    await refused(cid.call("PUT", f"/friends/requests/{asked['id']}", {"action": "accept"}), 404)
    await refused(bob.call("PUT", f"/friends/requests/{asked['id']}", {"action": "perhaps"}), 400)
    accepted = await bob.call("PUT", f"/friends/requests/{asked['id']}", {"action": "accept"})
    assert accepted["conversation"]["conversationId"] in await ann.conversations()
    assert (await ann.wait_frame("friend.added"))["userId"] == bob.name
    [friend] = await ann.call("GET", "/friends")
    assert (friend["friendId"], friend["status"], friend["online"]) == (bob.name, 1, True)
    assert (await ann.call("GET", f"/users/{bob.name}/status"))["status"] == "online"
    assert (await cid.call("GET", f"/users/{bob.name}/status"))["online"] is False, "told to friends only"

    rejected = (await cid.call("POST", "/friends/requests", {"targetUserId": bob.name}))["id"]
    assert (await bob.call("PUT", f"/friends/requests/{rejected}", {"action": 2}))["status"] == 2
    await ann.call("DELETE", f"/friends/{bob.name}")
    assert await bob.call("GET", "/friends") == []
    assert (await bob.wait_frame("friend.removed"))["userId"] == ann.name
    await refused(ann.call("DELETE", f"/friends/{bob.name}"), 404)


async def test_conversations_of_both_generations(deployment: Deployment) -> None:
    ann, bob, cid = await people(deployment, "ann", "bob", "cid")
    single = await ann.call("POST", "/conversations", {"targetUserId": bob.name})
    assert (single["type"], single["target"]["userId"]) == ("single", bob.name)
    again = await bob.call("POST", "/conversations", {"type": 1, "members": [ann.name]})
    assert (again["id"], again["type"], again["name"]) == (single["conversationId"], 1, ann.name)
    await refused(ann.call("POST", "/conversations", {"type": 1, "members": []}), 400)
    wish = {"type": 2, "name": "trip", "members": [bob.name, cid.name], "description": "to the sea"}
    group = await ann.call("POST", "/conversations", wish)
    assert group.keys() >= CONVERSATION
    told = {"type": 2, "name": "trip", "description": "to the sea", "ownerId": ann.name, "memberCount": 3}
    assert group.items() >= told.items()
    assert group["myMembership"]["role"] == 3
    assert group["settings"]["group_settings"]["max_members"] > 2
    path = f"/conversations/{group['id']}"
    assert (await bob.call("GET", path))["myMembership"]["role"] == 1
    await refused(bob.call("PUT", path, {"name": "mine"}), 403)
    assert (await ann.call("PUT", path, {"name": "journey"}))["name"] == "journey"

    page = await ann.call("GET", "/conversations?page=1&size=1&type=2")
    assert ([one["id"] for one in page["conversations"]], page["hasMore"]) == ([group["id"]], False)
    first = await ann.call("GET", "/conversations?page=1&size=2")
    assert (first["conversations"][0]["type"], first["hasMore"]) == (3, True)
    second = await ann.call("GET", "/conversations?page=2&size=2")
    assert (len(second["conversations"]), second["hasMore"]) == (1, False)

    await refused(bob.call("DELETE", path), 403)
    await ann.call("DELETE", path)
    with pytest.raises(Refused):
        await bob.send(group["id"], "too late")


async def test_messages_by_cursor(deployment: Deployment) -> None:
    ann, bob = await people(deployment, "ann", "bob")
    conversation = (await ann.call("POST", "/conversations", {"targetUserId": bob.name}))["conversationId"]
    path = f"/conversations/{conversation}/messages"
    body = {"messageType": 1, "content": "1", "client_msg_id": f"k-{ann.name}"}
    sent = await ann.call("POST", path, body)
    assert sent.keys() >= MESSAGE
    assert sent.items() >= {"senderId": ann.name, "messageType": 1, "content": "1", "seqId": 1}.items()
    assert await ann.call("POST", path, body) == sent, "a key is a key"
    assert (await bob.wait_content("1")).message_id == int(sent["id"])
    for content in "2345":
        await ann.call("POST", "/messages", {"conversationId": conversation, "messageType": "text", "content": content})
    await refused(ann.call("POST", path, {"messageType": 4, "content": "a system's word"}), 400)
    pages: list[list[str]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await bob.call("GET", f"{path}?limit=2&cursor={cursor}")
        pages.append([one["content"] for one in page["messages"]])
        assert bool(page["nextCursor"]) is page["hasMore"]
        cursor = page["nextCursor"] or None
    assert pages == [["4", "5"], ["2", "3"], ["1"]]
    read = await bob.call("PUT", f"/conversations/{conversation}/read", {"seqId": 3})
    assert read == {"unreadCount": 2, "readSeq": 3}
    assert (await bob.call("PUT", f"/conversations/{conversation}/read"))["unreadCount"] == 0
    receipt = await ann.wait_frame("message.receipt.updated")
    assert receipt["conversation_id"] == conversation
    assert receipt["userId"] == bob.name


@pytest.mark.parametrize("base", ["conversations", "groups"])
async def test_ruling_a_group(deployment: Deployment, base: str) -> None:
    ann, bob, cid, dan = await people(deployment, "ann", "bob", "cid", "dan")
    made = await ann.call("POST", "/groups", {"groupName": "trip", "members": [bob.name]})
    group = made["group"]["groupId"]
    assert [one["groupName"] for one in await bob.call("GET", "/groups")] == ["trip"]
    assert (await bob.call("GET", f"/groups/{group}"))["memberCount"] == 2
    path = f"/{base}/{group}/members"
    assert (await ann.call("POST", path, {"members": [cid.name, dan.name]}))["members"] == [cid.name, dan.name]
    changed = await bob.wait_frame("group.member.changed")
    assert changed["groupId"] == group
    await refused(bob.call("PUT", f"{path}/{cid.name}", {"role": 2}), 403)
    await ann.call("PUT", f"{path}/{bob.name}", {"role": 2})
    listed = await cid.call("GET", f"{path}?page=1&size=3")
    assert (listed["total"], listed["hasMore"]) == (4, True)
    assert [(one["userId"], one["role"]) for one in listed["members"][:2]] == [(ann.name, 3), (bob.name, 2)]
    assert listed["members"][0].keys() >= MEMBER
    assert listed["members"][0]["user"]["username"] == ann.name
    assert len((await cid.call("GET", f"{path}?page=2&size=3"))["members"]) == 1
    assert [one["userId"] for one in (await cid.call("GET", f"{path}?role=2"))["members"]] == [bob.name]
    await refused(cid.call("DELETE", f"{path}/{dan.name}"), 403)
    await bob.call("DELETE", f"{path}/{dan.name}")
    await refused(dan.call("GET", path), 403)
    await cid.call("DELETE", f"{path}/{cid.name}")
    await refused(ann.call("DELETE", f"{path}/{ann.name}"), 409)
    await ann.call("PUT", f"{path}/{bob.name}", {"role": 3})
    assert (await ann.call("GET", f"/conversations/{group}"))["ownerId"] == bob.name


async def test_who_of_a_group_is_online(deployment: Deployment) -> None:
    ann, bob, cid = await people(deployment, "ann", "bob", "cid")
    asked = (await ann.call("POST", "/friends/requests", {"targetUserId": bob.name}))["id"]
    await bob.call("PUT", f"/friends/requests/{asked}", {"action": 1})
    group = (await ann.call("POST", "/groups", {"groupName": "g", "members": [bob.name, cid.name]}))["group"]["id"]
    frame = await ann.ask("group-member-online", {"type": "group-member-online", "data": {"groupId": group}})
    online = {one["userId"]: one["online"] for one in frame["data"]["members"]}
    assert online[ann.name] is online[bob.name] is True
    assert not online.get(cid.name), "told of friends only"
    await bob.disconnect()
    gone = await ann.wait_frame("friend.status.changed", user_id=bob.name, online=False)
    assert gone["status"] == "offline"
