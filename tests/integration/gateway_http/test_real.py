"""Whole stories through the door, with real logic on a real store behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from resonance.domain.errors import Code
from tests.integration.gateway_http.real import login, register, running


@pytest.fixture(params=["one process", "split"])
async def app(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FastAPI]:
    """Return an app on an empty store."""
    async with running(tmp_path, split=request.param == "split") as made:
        yield made


async def test_two_people_become_friends_and_chat(app: FastAPI) -> None:
    ann, bob = await register(app, "ann"), await register(app, "bob")
    assert await ann.call("POST", "friends/requests", {"user_id": "bob", "message": "hi"}) == {"status": "pending"}
    (request,) = (await bob.call("GET", "friends/requests"))["requests"]
    assert (request["sender"], request["message"]) == ("ann", "hi")
    await bob.call("PUT", "friends/requests/ann", {"action": "accept"})
    (friend,) = (await ann.call("GET", "friends"))["friends"]
    assert friend["user"]["id"] == "bob"

    (conversation,) = (await ann.call("GET", "conversations"))["conversations"]
    path = f"conversations/{conversation['conversation_id']}"
    assert (conversation["kind"], conversation["peer"]["id"]) == ("single", "bob")
    message = {"content": "hello", "client_msg_id": "key-1"}
    first = await ann.call("POST", f"{path}/messages", message)
    assert first["seq"] == 1
    assert await ann.call("POST", f"{path}/messages", message) == first
    assert await ann.call("POST", "messages", message | {"to_user": "bob"}) == first
    await ann.refused(Code.KEY_CONFLICT, "POST", f"{path}/messages", message | {"content": "other"})

    (seen,) = (await bob.call("GET", "conversations"))["conversations"]
    assert (seen["unread_count"], seen["last_message"]["content"]) == (1, "hello")
    page = await bob.call("GET", f"{path}/messages")
    assert [entry["message_id"] for entry in page["messages"]] == [first["message_id"]]
    assert (await bob.call("POST", f"{path}/read"))["unread_count"] == 0
    readers = (await ann.call("GET", f"{path}/readers", seq=1))["readers"]
    assert {reader["user_id"] for reader in readers} == {"ann", "bob"}
    assert (await bob.call("GET", "inbox"))["items"][0]["message"]["content"] == "hello"


async def test_sync_tells_what_changed(app: FastAPI) -> None:
    ann, bob = await register(app, "ann"), await register(app, "bob")
    start = await bob.call("GET", "sync")
    assert (start["full"], start["conversations"]) == (True, [])
    await ann.call("POST", "messages", {"to_user": "bob", "content": "hi"})
    later = await bob.call("GET", "sync", token=start["token"])
    assert [view["last_message"]["content"] for view in later["conversations"]] == ["hi"]
    assert (await bob.call("GET", "sync", token="of another store"))["full"] is True


async def test_a_group_lives(app: FastAPI) -> None:
    ann, bob, eve = [await register(app, name) for name in ("ann", "bob", "eve")]
    made = await ann.call("POST", "groups", {"name": "Team", "group_id": "team", "user_ids": ["bob"]})
    again = await ann.call("POST", "groups", {"name": "Team", "group_id": "team", "user_ids": ["bob"]})
    assert made["conversation_id"] == again["conversation_id"] == "sg_team"
    await eve.refused(Code.NOT_MEMBER, "GET", "groups/team")
    await ann.call("PATCH", "groups/team", {"join_approval": True})
    assert await eve.call("POST", "groups/team/join", {"message": "please"}) == {"status": "pending"}
    (wish,) = (await ann.call("GET", "groups/sg_team/requests"))["requests"]
    assert (wish["user_id"], wish["message"]) == ("eve", "please")
    await ann.call("PUT", "groups/team/requests/eve", {"action": "accept"})
    members = await eve.call("GET", "groups/team/members")
    assert [member["user"]["id"] for member in members["members"]] == ["ann", "bob", "eve"]

    await ann.call("PUT", "groups/team/members/bob/role", {"role": "admin"})
    await bob.call("PUT", "groups/team/members/eve/mute", {"seconds": 60})
    await eve.refused(Code.MUTED, "POST", "messages", {"conversation_id": "sg_team", "content": "!"})
    await bob.call("DELETE", "groups/team/members/eve")
    await eve.refused(Code.MEMBER_INACTIVE, "POST", "messages", {"conversation_id": "sg_team", "content": "!"})
    await ann.refused(Code.OWNER_MUST_STAY, "POST", "groups/team/leave")
    await ann.call("PUT", "groups/team/owner", {"user_id": "bob"})
    await ann.call("POST", "groups/team/leave")
    await bob.call("DELETE", "groups/team")
    await bob.refused(Code.CONVERSATION_DISSOLVED, "POST", "messages", {"conversation_id": "sg_team", "content": "!"})


async def test_logout_is_at_once(app: FastAPI) -> None:
    ann = await register(app, "ann")
    await ann.call("GET", "users/me")  # the token is remembered now
    assert await ann.call("POST", "auth/logout") == {}
    await ann.refused(Code.TOKEN_REVOKED, "GET", "users/me")
    assert await ann.call("DELETE", "auth/logout") == {}


async def test_devices_and_passwords(app: FastAPI) -> None:
    phone, laptop = await register(app, "ann"), await login(app, "ann")
    devices = (await laptop.call("GET", "auth/devices"))["devices"]
    assert {device["id"]: device["current"] for device in devices} == {
        phone.tokens["device_id"]: False,
        laptop.tokens["device_id"]: True,
    }
    await laptop.call("DELETE", f"auth/devices/{phone.tokens['device_id']}")
    await phone.refused(Code.TOKEN_REVOKED, "GET", "users/me")
    third = await login(app, "ann")
    change = {"old_password": "ann's secret", "new_password": "another secret"}
    await laptop.refused(Code.WRONG_CREDENTIALS, "POST", "auth/password", change | {"old_password": "x"})
    await laptop.call("POST", "auth/password", change)
    await third.refused(Code.TOKEN_REVOKED, "GET", "users/me")
    await laptop.call("GET", "users/me")


async def test_refresh_rotates_and_the_old_one_ends_the_device(app: FastAPI) -> None:
    ann = await register(app, "ann")
    fresh = await ann.call("POST", "auth/refresh", {"refresh_token": ann.tokens["refresh_token"]})
    assert fresh["device_id"] == ann.tokens["device_id"]
    await ann.call("POST", "auth/refresh", {"refresh_token": fresh["refresh_token"]})
    await ann.refused(Code.TOKEN_INVALID, "POST", "auth/refresh", {"refresh_token": fresh["access_token"]})


async def test_the_first_account_rules(app: FastAPI) -> None:
    ann, bob = await register(app, "ann"), await register(app, "bob")
    assert (await ann.call("POST", "admin/invitations", {"uses": 1}))["code"]
    await bob.refused(Code.PERMISSION_DENIED, "POST", "admin/invitations", {})
    await ann.call("PUT", "admin/users/bob/disabled", {"disabled": True})
    response = await bob.client.post("/api/v1/auth/login", json={"username": "bob", "password": "bob's secret"})
    assert response.json()["code"] == "user_disabled"


async def test_blocks_and_profiles(app: FastAPI) -> None:
    ann, bob = await register(app, "ann"), await register(app, "bob")
    await bob.call("PUT", "blocks/ann")
    assert [block["user_id"] for block in (await bob.call("GET", "blocks"))["blocks"]] == ["ann"]
    await ann.refused(Code.BLOCKED, "POST", "messages", {"to_user": "bob", "content": "hi"})
    await bob.call("DELETE", "blocks/ann")
    await ann.call("POST", "messages", {"to_user": "bob", "content": "hi"})
    await ann.call("PATCH", "users/me", {"nickname": "Annie"})
    found = (await bob.call("GET", "users/search", q="annie"))["users"]
    assert [user["nickname"] for user in found] == ["Annie"]


async def test_seed_sessions(app: FastAPI) -> None:
    ann, bob = await register(app, "ann"), await register(app, "bob")
    session = (await ann.call("POST", "session/create", {"members": ["bob"]}))["session_id"]
    assert session == "si_ann_bob"
    await ann.call("POST", "messages", {"conversation_id": session, "content": "hi"})
    (listed,) = (await bob.call("GET", "session/list"))["sessions"]
    assert (listed["name"], listed["type"], listed["unread_count"]) == ("ann", 1, 1)
    (message,) = (await bob.call("GET", "session/messages", session_id=session))["messages"]
    assert (message["from_username"], message["to_username"], message["seq_id"]) == ("ann", "bob", 1)
    assert [user["username"] for user in (await ann.call("GET", "session/search", query="bo"))["users"]] == ["bob"]
