"""What a guest may not do (wire.md 3.3: no making, searching, befriending), by every door there is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from tests.e2e.clients import HttpError, Socket, User, people
from tests.e2e.dialects.client import Refused
from tests.e2e.dialects.gochat_client import GoChatClient, api
from tests.e2e.dialects.gochat_services import Services
from tests.e2e.dialects.nexo_client import NexoClient
from tests.e2e.dialects.resonance_client import ResonanceClient
from tests.e2e.servers import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENVIRONMENT = {
    "RESONANCE_DIALECTS__GRPC_LISTEN": "127.0.0.1:0",
    "RESONANCE_FRIENDS__POLICY": "instant",
}
NEXO_ROLE_INSUFFICIENT = 3007


@dataclass
class Guest:
    """A guest by every door, with a group that was given to it, a friend who added it, and somebody it does not know.

    Attributes:
        logic: a caller of logic's gRPC, without a secret: a service.
    """

    native: User
    gochat: GoChatClient
    nexo: NexoClient
    resonance: ResonanceClient
    logic: Services
    friend: User
    stranger: User
    group: str
    open_group: str

    @property
    def name(self) -> str:
        return self.native.name

    @property
    def group_id(self) -> str:
        return self.group.removeprefix("sg_")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guest(deployment: Deployment) -> AsyncIterator[Guest]:
    url = deployment.url
    data = await api(url, "POST", "/auth/guest")
    name, token = data["user"]["userId"], data["token"]
    friend, stranger = await people(url, "friend", "stranger")
    await friend.post("/friends", user_id=name)
    group = (await friend.post("/groups", name="of the friend", members=[name, stranger.name]))["conversation_id"]
    await friend.request("PUT", f"/groups/{group}/owner", user_id=name)
    open_group = (await friend.post("/groups", name="open to all"))["conversation_id"]
    address = deployment.logic.addresses["grpc" if deployment.topology == "serve" else "logic"]
    nexo = NexoClient(url, name, token)
    nexo.peers, nexo.known, nexo.platform = {}, {}, 0
    async with grpc.aio.insecure_channel(address) as channel:
        yield Guest(
            User(url, name, {"access_token": token, "refresh_token": "", "device_id": ""}),
            GoChatClient(url, name, token),
            nexo,
            ResonanceClient(url, name, token),
            Services(channel),
            friend,
            stranger,
            group,
            open_group,
        )


def native(method: str, path: str, **body: Any) -> Callable[[Guest], Awaitable[Any]]:
    return lambda guest: guest.native.request(
        method, path.format(guest=guest), **{key: _filled(guest, value) for key, value in body.items()}
    )


def gochat(method: str, path: str, **body: Any) -> Callable[[Guest], Awaitable[Any]]:
    return lambda guest: guest.gochat.call(
        method, path.format(guest=guest), {key: _filled(guest, value) for key, value in body.items()} or None
    )


def nexo(method: str, path: str, **body: Any) -> Callable[[Guest], Awaitable[Any]]:
    return lambda guest: guest.nexo.call(method, path, {key: _filled(guest, value) for key, value in body.items()})


def connect(procedure: str, **fields: Any) -> Callable[[Guest], Awaitable[Any]]:
    return lambda guest: guest.resonance.ask(procedure, **{key: _filled(guest, value) for key, value in fields.items()})


def service(method: str, **fields: Any) -> Callable[[Guest], Awaitable[Any]]:
    """A call for the guest, by a service, which shows no token."""
    return lambda guest: guest.logic.call(method, **{key: _filled(guest, value) for key, value in fields.items()})


def token(method: str, **fields: Any) -> Callable[[Guest], Awaitable[Any]]:
    """The same by the guest itself."""
    return lambda guest: guest.logic.call(
        method, guest.gochat.token, **{key: _filled(guest, value) for key, value in fields.items()}
    )


async def first_message(guest: Guest) -> Any:
    socket = await Socket.open(guest.native, dialect="json")
    try:
        ack = await socket.chat("", "we do not know each other", toUsername=guest.stranger.name)
    finally:
        await socket.close()
    if ack.get("error"):
        raise Refused(ack["code"], ack["error"])


async def first_message_of_nexo(guest: Guest) -> Any:
    return await guest.nexo.call(
        "POST",
        "/msg/send",
        {
            "client_msg_id": "k",
            "recv_id": guest.stranger.name,
            "session_type": 1,
            "msg_type": 1,
            "content": {"text": "we do not know each other"},
        },
    )


def _filled(guest: Guest, value: Any) -> Any:
    if isinstance(value, str):
        return value.format(guest=guest)
    return [_filled(guest, one) for one in value] if isinstance(value, list) else value


STRANGER, GROUP = "{guest.stranger.name}", "{guest.group}"

REFUSED: dict[str, Callable[[Guest], Awaitable[Any]]] = {
    "api: profile": gochat("PUT", "/users/profile", nickname="Somebody else"),
    "api: search": gochat("GET", "/users/search?q=ann"),
    "api: friend": gochat("POST", "/friends", friendId=STRANGER),
    "api: request": gochat("POST", "/friends/requests", targetUserId=STRANGER),
    "api: requests": gochat("GET", "/friends/requests"),
    "api: decide": gochat("PUT", "/friends/requests/{guest.friend.name}:{guest.name}", action="accept"),
    "api: unfriend": gochat("DELETE", "/friends/{guest.friend.name}"),
    "api: conversation": gochat("POST", "/conversations", targetUserId=STRANGER),
    "api: group": gochat("POST", "/groups", groupName="mine", members=[STRANGER]),
    "api: change group": gochat("PUT", "/conversations/{guest.group}", name="mine"),
    "api: members": gochat("POST", "/conversations/{guest.group}/members", members=[STRANGER]),
    "api: role": gochat("PUT", "/conversations/{guest.group}/members/{guest.stranger.name}", role=2),
    "api: owner": gochat("PUT", "/conversations/{guest.group}/members/{guest.stranger.name}", role=3),
    "api: end": gochat("DELETE", "/conversations/{guest.group}"),
    "native: profile": native("PUT", "/users/me", nickname="Somebody else"),
    "native: search": native("GET", "/users/search?q=ann"),
    "native: friend": native("POST", "/friends", user_id=STRANGER),
    "native: requests": native("GET", "/friends/requests"),
    "native: decide": native("PUT", "/friends/requests/{guest.friend.name}", action="reject"),
    "native: unfriend": native("DELETE", "/friends/{guest.friend.name}"),
    "native: conversation": native("POST", "/conversations", user_id=STRANGER),
    "native: session": native("POST", "/session/create", members=[STRANGER], type=1),
    "native: group": native("POST", "/groups", name="mine"),
    "native: join": native("POST", "/groups/{guest.open_group}/join"),
    "native: change group": native("PATCH", "/groups/{guest.group}", name="mine"),
    "native: members": native("POST", "/groups/{guest.group}/members", user_ids=["{guest.friend.name}"]),
    "native: role": native("PUT", "/groups/{guest.group}/members/{guest.stranger.name}/role", role="admin"),
    "native: owner": native("PUT", "/groups/{guest.group}/owner", user_id=STRANGER),
    "native: end": native("DELETE", "/groups/{guest.group}"),
    "native: message": native("POST", "/messages", to_user=STRANGER, content="hi", client_msg_id="k"),
    "native: first message": first_message,
    "nexo: profile": nexo("PUT", "/user/update", nickname="Somebody else"),
    "nexo: group": nexo("POST", "/group/create", name="mine", member_ids=[STRANGER]),
    "nexo: join": nexo("POST", "/group/join", group_id="{guest.open_group}"),
    "nexo: first message": first_message_of_nexo,
    "connect: session": connect("CreateSession", members=[STRANGER], type=1),
    "connect: group": connect("CreateSession", members=[STRANGER], name="mine", type=2),
    "connect: search": connect("SearchUser", query="ann"),
    "service: group": service(
        "im.logic.v1.GroupService/CreateGroup", creator_id="{guest.name}", name="mine", member_ids=[STRANGER]
    ),
    "service: join": service(
        "im.logic.v1.GroupService/JoinGroup", user_id="{guest.name}", group_id="{guest.open_group}"
    ),
    "service: friend": service(
        "resonance.gochat.v1.FriendService/AddFriend", user_id="{guest.name}", friend_id=STRANGER
    ),
    "service: repo's profile": service(
        "im.repo.v1.UserService/UpdateUser", user_id="{guest.name}", nickname="Else", update_mask=["nickname"]
    ),
    "service: repo's group": service(
        "im.repo.v1.GroupService/CreateGroup", group_id="mine", name="mine", owner_id="{guest.name}"
    ),
    "token: group": token("im.logic.v1.GroupService/CreateGroup", name="mine", member_ids=[STRANGER]),
    "token: friend": token("resonance.gochat.v1.FriendService/AddFriend", friend_id=STRANGER),
    "token: repo's profile": token("im.repo.v1.UserService/UpdateUser", nickname="Else", update_mask=["nickname"]),
}
"""Doors and what is knocked for."""


@pytest.mark.parametrize("wish", REFUSED)
async def test_refused(guest: Guest, wish: str) -> None:
    with pytest.raises((Refused, HttpError, grpc.aio.AioRpcError)) as refusal:
        await REFUSED[wish](guest)
    error = refusal.value
    if isinstance(error, grpc.aio.AioRpcError):
        assert error.code() is grpc.StatusCode.PERMISSION_DENIED
        assert "guest" in str(error.details())
        return
    assert "guest" in str(error)
    if isinstance(error, HttpError):
        assert (error.status, error.problem["code"]) == (403, "role_insufficient")
    elif isinstance(error, Refused):
        assert error.code in (403, NEXO_ROLE_INSUFFICIENT, "permission_denied", "role_insufficient")


async def test_what_guests_may_do(guest: Guest) -> None:
    """Take part where they are: read, write, mark, look at people by name, leave, block."""
    single = (await guest.friend.post("/conversations", user_id=guest.name))["conversation_id"]
    for conversation in ("world", single, guest.open_group):
        if conversation == guest.open_group:
            await guest.friend.post(f"/groups/{conversation}/members", user_ids=[guest.name])
        sent = await guest.gochat.call("POST", f"/conversations/{conversation}/messages", {"content": "hello"})
        assert sent["senderId"] == guest.name
        assert (await guest.gochat.call("GET", f"/conversations/{conversation}/messages"))[-1]["content"] == "hello"
        assert (await guest.gochat.call("PUT", f"/conversations/{conversation}/read"))["unreadCount"] == 0
    answer = await guest.native.post("/messages", to_user=guest.friend.name, content="again", client_msg_id="again")
    assert answer["conversation_id"] == single, "a conversation that there is can be named by its other member"
    assert [friend["userId"] for friend in await guest.gochat.call("GET", "/friends")] == [guest.friend.name]
    assert (await guest.gochat.call("GET", f"/users/{guest.stranger.name}"))["userId"] == guest.stranger.name
    await guest.native.request("PUT", f"/blocks/{guest.stranger.name}")
    await guest.native.post(f"/groups/{guest.open_group}/leave")
