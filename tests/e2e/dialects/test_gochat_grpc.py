"""GoChat's services by gRPC, as services of that system call them: plain stubs, numbers of its contract."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from tests.e2e.dialects.client import PASSWORD
from tests.e2e.dialects.gochat_client import api
from tests.e2e.dialects.gochat_services import Services, people, refused
from tests.e2e.servers import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENVIRONMENT = {"RESONANCE_DIALECTS__GRPC_LISTEN": "127.0.0.1:0"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def roles(deployment: Deployment) -> AsyncIterator[dict[str, Services]]:
    """A caller for logic, repo and the gateway, wherever each is."""
    if deployment.topology == "serve":
        addresses = dict.fromkeys(("logic", "repo", "gateway"), deployment.logic.addresses["grpc"])
    else:
        found = deployment.processes
        # what GoChat's services ask its repo for, they ask our logic for, too
        addresses = dict.fromkeys(("logic", "repo"), found["logic"].addresses["logic"])
        addresses["gateway"] = found["gateway"].addresses["grpc"]
    channels = {role: grpc.aio.insecure_channel(address) for role, address in addresses.items()}
    yield {role: Services(channel) for role, channel in channels.items()}
    for channel in channels.values():
        await channel.close()


Roles = dict[str, Services]


async def test_the_life_of_a_login(deployment: Deployment, roles: Roles) -> None:
    logic, name, auth = roles["logic"], f"ann{secrets.token_hex(3)}", "im.logic.v1.AuthService"
    made = await logic.call(f"{auth}/Register", username=name, password=PASSWORD, nickname="Ann")
    assert (made.user.id, made.user.username, made.user.nickname) == (name, name, "Ann")
    await refused(logic.call(f"{auth}/Register", username=name, password=PASSWORD), grpc.StatusCode.ALREADY_EXISTS)
    wrong = logic.call(f"{auth}/Login", username=name, password="wrong horse")
    await refused(wrong, grpc.StatusCode.UNAUTHENTICATED)
    login = await logic.call(f"{auth}/Login", username=name, password=PASSWORD, client_info="test")
    assert login.expires_in > time.time() + 60
    assert (await api(deployment.url, "GET", "/user/info", login.access_token))["nickname"] == "Ann"
    renewed = await logic.call(f"{auth}/RefreshToken", refresh_token=login.refresh_token)
    valid = await logic.call(f"{auth}/ValidateToken", access_token=renewed.access_token)
    assert (valid.valid, valid.user.id) == (True, name)
    assert valid.expires_at > time.time()
    other = logic.call(f"{auth}/Logout", user_id="bob", access_token=renewed.access_token)
    await refused(other, grpc.StatusCode.PERMISSION_DENIED)
    assert (await logic.call(f"{auth}/Logout", user_id=name, access_token=renewed.access_token)).success
    assert not (await logic.call(f"{auth}/ValidateToken", access_token=renewed.access_token)).valid
    (user,) = await people(deployment, "user")
    for method in ("Login", "Register", "GuestLogin"):
        await refused(logic.call(f"{auth}/{method}", _token=user.token), grpc.StatusCode.PERMISSION_DENIED)
    guest = await logic.call(f"{auth}/GuestLogin", nickname="Passer-by")
    assert (await api(deployment.url, "GET", "/user/info", guest.access_token))["isGuest"]


async def test_who_is_new_has_read_the_world(deployment: Deployment, roles: Roles) -> None:
    logic, name, auth = roles["logic"], f"new{secrets.token_hex(3)}", "im.logic.v1.AuthService"
    (ann,) = await people(deployment, "ann")
    await ann.call("POST", "/conversations/world/messages", {"content": "before you came"})
    await logic.call(f"{auth}/Register", username=name, password=PASSWORD)
    for login in (
        await logic.call(f"{auth}/GuestLogin"),
        await logic.call(f"{auth}/Login", username=name, password=PASSWORD),
    ):
        world, *_ = await api(deployment.url, "GET", "/conversations", login.access_token)
        assert (world["conversationId"], world["unreadCount"]) == ("world", 0)


async def test_messages_and_pointers(deployment: Deployment, roles: Roles) -> None:
    logic, repo = roles["logic"], roles["repo"]
    ann, bob = await people(deployment, "ann", "bob")
    conversation = (await ann.call("POST", "/conversations", {"targetUserId": bob.name}))["conversationId"]
    here = {"user_id": bob.name, "conversation_id": conversation}
    wish = {"user_id": ann.name, "conversation_id": conversation, "content": "one", "client_msg_id": f"k{ann.name}"}
    send = "im.logic.v1.MessageService/SendMessage"
    sent = await logic.call(send, type=1, **wish)
    assert sent == await logic.call(send, type=1, **wish), "a key is a key"
    assert (sent.message.seq_id, sent.message.sender_id, sent.client_msg_id) == (1, ann.name, wish["client_msg_id"])
    assert (await bob.wait_content("one")).message_id == int(sent.message.id)
    await refused(logic.call(send, _token=bob.token, **wish), grpc.StatusCode.PERMISSION_DENIED)
    for content, kind in (("two", 2), ("three", 5), ("four", 0)):
        await logic.call(send, user_id=ann.name, conversation_id=conversation, content=content, type=kind)
    assert (await bob.wait_content("three")).kind == "audio"
    assert abs(sent.message.created_at - time.time()) < 120

    service = "im.logic.v1.ConversationService"
    up = await logic.call(f"{service}/GetMessages", start_seq_id=2, limit=2, ascending=True, **here)
    assert [one.content for one in up.messages] == ["two", "three"]
    assert (up.has_more, up.next_seq_id) == (True, 4)
    down = await logic.call(f"{service}/GetMessages", end_seq_id=3, limit=2, **here)
    assert [one.content for one in down.messages] == ["three", "two"]
    assert (down.has_more, down.next_seq_id) == (True, 1)
    assert [one.type for one in down.messages] == [5, 2]
    newest = await logic.call(f"{service}/GetMessages", end_seq_id=2**63 - 1, limit=1, **here)
    assert [one.content for one in newest.messages] == ["four"]
    raw = "im.repo.v1.MessageService/GetConversationMessages"
    page = await repo.call(raw, conversation_id=conversation, start_seq_id=2, end_seq_id=3, limit=9, ascending=True)
    assert [(one.content, one.message_type) for one in page.messages] == [("two", 2), ("three", 5)]
    assert not page.has_more
    page = await repo.call(raw, conversation_id=conversation, limit=1)
    assert ([one.content for one in page.messages], page.has_more, page.next_seq_id) == (["four"], True, 3)
    latest = await repo.call(
        "im.repo.v1.MessageService/GetLatestMessages", conversation_ids=[conversation, "none"], limit_per_conversation=2
    )
    [entry] = latest.conversation_messages
    assert (entry.key, [one.content for one in entry.value.messages]) == (conversation, ["four", "three"])

    unread = await logic.call(f"{service}/GetUnreadCount", user_id=bob.name)
    assert {one.conversation_id: one.unread_count for one in unread.conversation_counts}[conversation] == 4
    store = "im.repo.v1.ConversationService"
    for role, method in ((logic, f"{service}/MarkAsRead"), (repo, f"{store}/UpdateReadPointer")):
        await refused(role.call(method, seq_id=-1, **here), grpc.StatusCode.INVALID_ARGUMENT)
    assert (await logic.call(f"{service}/MarkAsRead", seq_id=1, **here)).unread_count == 3
    assert (await repo.call(f"{store}/GetUnreadCount", **here)).unread_count == 3
    assert (await repo.call(f"{store}/UpdateReadPointer", seq_id=3, **here)).unread_count == 1
    assert (await ann.wait_frame("message.receipt.updated", readSeq=3))["userId"] == bob.name
    pointer = (await repo.call(f"{store}/GetReadPointer", **here)).read_pointer
    assert (pointer.user_id, pointer.conversation_id, pointer.last_read_seq_id) == (bob.name, conversation, 3)
    counts = await repo.call(f"{store}/BatchGetUnreadCounts", user_id=bob.name, conversation_ids=[conversation, "x"])
    assert {one.key: one.value for one in counts.unread_counts} == {conversation: 1}
    listed = await logic.call(f"{service}/GetConversations", user_id=bob.name, page=1, page_size=10, type=1)
    [one] = listed.conversations
    assert (one.id, one.type, one.name, one.last_message.content) == (conversation, 1, ann.name, "four")
    assert (listed.total, one.unread_count, one.member_count) == (1, 1, 2)
    assert (await logic.call(f"{service}/GetConversation", **here)).conversation == one
    ids = await repo.call(f"{store}/GetUserConversations", user_id=bob.name, type_filter=1)
    assert (list(ids.conversation_ids), ids.total, ids.has_more) == ([conversation], 1, False)


async def test_a_key_of_before_a_removal_is_answered_after_the_return(deployment: Deployment, roles: Roles) -> None:
    """Who has joined anew does not see the message any more, but has sent it."""
    logic, service = roles["logic"], "im.logic.v1.GroupService"
    ann, bob = await people(deployment, "ann", "bob")
    wish: dict[str, Any] = {"creator_id": ann.name, "name": "trip", "member_ids": [bob.name]}
    at = {"group_id": (await logic.call(f"{service}/CreateGroup", **wish)).group.id}
    conversation = f"sg_{at['group_id']}"
    letter = {"conversation_id": conversation, "content": "one", "client_msg_id": f"k{bob.name}"}
    send = "im.logic.v1.MessageService/SendMessage"
    sent = await logic.call(send, user_id=bob.name, type=1, **letter)
    body = {"content": "one", "clientMsgId": letter["client_msg_id"], "messageType": "text"}
    path = f"/conversations/{conversation}/messages"
    told = await bob.call("POST", path, body)
    await logic.call(f"{service}/RemoveMember", operator_id=ann.name, target_user_id=bob.name, **at)
    await logic.call(f"{service}/JoinGroup", user_id=bob.name, **at)
    assert await logic.call(send, user_id=bob.name, type=1, **letter) == sent
    assert await bob.call("POST", path, body) == told
    assert told["id"] == sent.message.id


async def test_the_life_of_a_group(deployment: Deployment, roles: Roles) -> None:
    logic, repo, service = roles["logic"], roles["repo"], "im.logic.v1.GroupService"
    ann, bob, cid = await people(deployment, "ann", "bob", "cid")
    wish: dict[str, Any] = {
        "creator_id": ann.name,
        "name": "trip",
        "description": "to the sea",
        "member_ids": [bob.name, ann.name],
    }
    group = (await logic.call(f"{service}/CreateGroup", **wish)).group
    assert (group.name, group.owner_id, group.member_count, group.description) == ("trip", ann.name, 2, "to the sea")
    at = {"group_id": group.id}
    assert (await logic.call(f"{service}/JoinGroup", user_id=cid.name, **at)).group.member_count == 3
    changed = await bob.wait_frame("group.member.changed", action="joined")
    assert changed["groupId"] == f"sg_{group.id}"
    operate = {"operator_id": ann.name, "target_user_id": bob.name}
    assert (await logic.call(f"{service}/SetMemberRole", new_role=2, **operate, **at)).success
    bad = logic.call(f"{service}/SetMemberRole", new_role=9, **operate, **at)
    await refused(bad, grpc.StatusCode.INVALID_ARGUMENT)
    assert (await logic.call(f"{service}/GetGroup", user_id=bob.name, **at)).user_role == 2
    members = await logic.call(f"{service}/GetGroupMembers", user_id=cid.name, page=1, page_size=2, **at)
    assert [(one.user_id, one.role) for one in members.members] == [(ann.name, 3), (bob.name, 2)]
    assert (members.total, members.members[0].user.username) == (3, ann.name)
    admins = await logic.call(f"{service}/GetGroupMembers", user_id=cid.name, role_filter=2, **at)
    assert [one.user_id for one in admins.members] == [bob.name]
    renamed = await logic.call(f"{service}/UpdateGroup", user_id=ann.name, name="journey", **at)
    assert (renamed.group.name, renamed.group.description) == ("journey", "to the sea")
    told = (await repo.call("im.repo.v1.GroupService/GetGroup", **at)).group
    assert (told.id, told.name, told.owner_id, told.member_count) == (group.id, "journey", ann.name, 3)
    page = await repo.call("im.repo.v1.GroupService/GetGroupMembers", offset=1, limit=1, **at)
    assert ([(one.user_id, one.role) for one in page.members], page.total, page.has_more) == ([(bob.name, 2)], 3, True)
    assert (await logic.call(f"{service}/RemoveMember", operator_id=bob.name, target_user_id=cid.name, **at)).success
    assert (await logic.call(f"{service}/GetGroup", user_id=cid.name, **at)).user_role == 0, "no member any more"
    await refused(logic.call(f"{service}/GetGroupMembers", user_id=cid.name, **at), grpc.StatusCode.PERMISSION_DENIED)
    owner = logic.call(f"{service}/LeaveGroup", user_id=ann.name, **at)
    await refused(owner, grpc.StatusCode.FAILED_PRECONDITION)
    assert (await logic.call(f"{service}/SetMemberRole", new_role=3, **operate, **at)).success
    assert (await logic.call(f"{service}/LeaveGroup", user_id=ann.name, **at)).success
    none = repo.call("im.repo.v1.GroupService/GetGroup", group_id="none")
    await refused(none, grpc.StatusCode.NOT_FOUND)


async def test_users_and_who_is_online(deployment: Deployment, roles: Roles) -> None:
    logic, service = roles["logic"], "im.repo.v1.UserService"
    ann, bob = await people(deployment, "ann", "bob")
    await logic.call(f"{service}/UpdateUser", user_id=ann.name, nickname="Ann", update_mask=["nickname"])
    found = (await logic.call(f"{service}/GetUser", user_id=ann.name)).user
    assert (found.id, found.nickname) == (ann.name, "Ann")
    assert (await logic.call(f"{service}/GetUserByUsername", username=ann.name)).user == found
    users = (await logic.call(f"{service}/GetUsers", user_ids=[bob.name, "nobody", ann.name])).users
    assert {user.id for user in users} == {ann.name, bob.name}
    bad = logic.call(f"{service}/UpdateUser", user_id=ann.name, update_mask=["password_hash"])
    await refused(bad, grpc.StatusCode.INVALID_ARGUMENT)
    await refused(
        logic.call(f"{service}/GetUser", _token=ann.token, user_id=bob.name), grpc.StatusCode.PERMISSION_DENIED
    )
    presence = "im.repo.v1.OnlineStatusService"
    states = await logic.call(f"{presence}/GetUsersOnlineStatus", user_ids=[ann.name, "nobody"])
    assert [(one.user_id, one.is_online) for one in states.statuses] == [(ann.name, True), ("nobody", False)]
    assert (await logic.call(f"{presence}/GetUserOnlineStatus", user_id=bob.name)).status.is_online


async def test_friends(deployment: Deployment, roles: Roles) -> None:
    logic, service = roles["logic"], "resonance.gochat.v1.FriendService"
    ann, bob = await people(deployment, "ann", "bob")
    asked = await logic.call(f"{service}/AddFriend", user_id=ann.name, friend_id=bob.name, remarks="it's me")
    assert (asked.success, asked.friend.status) == (False, 0)
    assert (await bob.wait_frame("friend.request.received"))["message"] == "it's me"
    pair = {"user_id": bob.name, "friend_id": ann.name}
    await logic.call(f"{service}/UpdateFriendStatus", status=1, **pair)
    [friend] = (await logic.call(f"{service}/GetUserFriends", user_id=ann.name)).friends
    assert (friend.user_id, friend.friend_id, friend.status) == (ann.name, bob.name, 1)
    await logic.call(f"{service}/UpdateFriendStatus", status=3, **pair)
    [friend] = (await logic.call(f"{service}/GetUserFriends", user_id=bob.name)).friends
    assert friend.status == 3
    await logic.call(f"{service}/UpdateFriendStatus", status=0, **pair)
    assert not (await logic.call(f"{service}/GetUserFriends", user_id=ann.name)).friends
    bad = logic.call(f"{service}/UpdateFriendStatus", status=9, **pair)
    await refused(bad, grpc.StatusCode.INVALID_ARGUMENT)


SIGNALS: dict[str, dict[str, Any]] = {
    "friend.status.changed": {"user_id": "zoe", "online": True},
    "message.receipt.updated": {"conversation_id": "si_ann_zoe", "user_id": "zoe", "seq_id": 7},
    "group.member.changed": {"group_id": "sg_g", "user_ids": ["zoe"], "action": "joined"},
    "friend.added": {"user_id": "zoe"},
}


@pytest.mark.parametrize("kind", SIGNALS)
async def test_a_service_pushes_signals(deployment: Deployment, roles: Roles, kind: str) -> None:
    ann, bob = await people(deployment, "ann", "bob")
    signal = {"signal_type": kind, "payload": json.dumps(SIGNALS[kind]), "timestamp": 1_795_427_207}
    push = "resonance.gochat.v1.PusherService/PushToUsers"
    assert (await roles["gateway"].call(push, user_ids=[ann.name, "nobody"], signal=signal)).success
    own = {name: value for name, value in SIGNALS[kind].items() if name in ("group_id", "user_id")}  # not "ann joined"
    frame = await ann.wait_frame(kind, **own)
    assert {name: frame[name] for name in SIGNALS[kind]} == SIGNALS[kind]
    await bob.ask("pong", {"type": "ping", "data": {}})
    told = [frame for frame in bob.frames if frame["type"] == kind and own.items() <= frame.items()]
    assert not told, "pushed to those who are named"


@pytest.mark.parametrize(
    ("kind", "payload"),
    [("user.invented", "{}"), ("friend.status.changed", "{}"), ("friend.added", "[]"), ("friend.added", "{")],
)
async def test_signals_that_are_none_are_refused(deployment: Deployment, roles: Roles, kind: str, payload: str) -> None:
    call = roles["gateway"].call(
        "resonance.gochat.v1.PusherService/PushToUsers",
        user_ids=["x"],
        signal={"signal_type": kind, "payload": payload},
    )
    await refused(call, grpc.StatusCode.INVALID_ARGUMENT)
