"""GoChat's clients: the scenarios of every dialect, and its own web client's calls, field by field (wire.md, 5)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sqlite3
from typing import Any, ClassVar

import pytest

from tests.e2e.clients import people
from tests.e2e.dialects.client import PASSWORD, WAIT_S, Client, Refused
from tests.e2e.dialects.gochat_client import GoChatClient, api
from tests.e2e.dialects.http import request
from tests.e2e.dialects.resonance_client import ResonanceClient
from tests.e2e.dialects.scenarios import OVERFLOW, Scenarios, clients
from tests.e2e.servers import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENVIRONMENT = {"RESONANCE_FRIENDS__POLICY": "instant", **OVERFLOW}  # instant, as GoChat's clients expect


class TestScenarios(Scenarios):
    """All of them."""

    kind: ClassVar[type[Client]] = GoChatClient


async def pair(deployment: Deployment) -> tuple[GoChatClient, GoChatClient]:
    """Return two connected clients."""
    ann, bob = await clients(GoChatClient, deployment.url, "ann", "bob")
    return ann, bob


async def world_of(client: GoChatClient) -> dict[str, Any]:
    listed: list[dict[str, Any]] = await client.call("GET", "/conversations")
    assert [one["type"] for one in listed].index("world") == 0, "everybody's conversation comes first"
    return listed[0]


async def test_a_newcomer_finds_the_world_with_nothing_unread(deployment: Deployment) -> None:
    ann, _ = await pair(deployment)
    await ann.send("world", "hello world")
    (newcomer,) = await clients(GoChatClient, deployment.url, "new")
    world = await world_of(newcomer)
    assert world["conversationId"] == "world"
    assert (world["unreadCount"], world["lastMessage"]) == (0, "hello world")
    assert world["target"]["groupName"] == "世界聊天室"
    assert isinstance(world["target"]["memberCount"], int)
    await ann.send("world", "and once more")
    assert (await newcomer.wait_content("and once more")).conversation == "world"
    assert (await world_of(newcomer))["unreadCount"] == 1
    assert (await newcomer.call("PUT", "/conversations/world/read"))["unreadCount"] == 0


async def test_an_account_made_elsewhere_arrives_with_nothing_unread_in_the_world(deployment: Deployment) -> None:
    ann, _ = await pair(deployment)
    (eve,) = await people(deployment.url, "eve")
    await ann.send("world", "long before")
    here = await GoChatClient.login(deployment.url, eve.name)
    assert (await world_of(here))["unreadCount"] == 0
    await ann.send("world", "since then")
    again = await GoChatClient.login(deployment.url, eve.name)
    assert (await world_of(again))["unreadCount"] == 1, "only the first time"


async def test_the_world_says_how_many_there_are(deployment: Deployment) -> None:
    ann, _ = await pair(deployment)
    await people(deployment.url, "one", "two")
    with contextlib.closing(sqlite3.connect(f"file:{deployment.database}?mode=ro", uri=True)) as database:
        [(accounts,)] = database.execute("SELECT COUNT(*) FROM users")
    async with asyncio.timeout(WAIT_S):
        while (told := await ann.call("GET", "/conversations/world"))["memberCount"] != accounts:  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # nobody is told of it
    assert told["target"]["memberCount"] == accounts >= 4
    assert (await world_of(ann))["target"]["memberCount"] == accounts
    native = await ann.native()
    assert (await native.get("/conversations/world"))["member_count"] == accounts
    synced = (await native.get("/sync"))["conversations"]
    assert [one["member_count"] for one in synced if one["conversation_id"] == "world"] == [accounts]


async def test_what_the_web_client_reads_of_a_user(deployment: Deployment) -> None:
    ann, bob = await pair(deployment)
    expected = {"userId": ann.name, "username": ann.name, "nickname": ann.name, "avatar": "", "isGuest": False}
    own = [await ann.call("GET", path) for path in ("/user/info", "/users/info", "/users/profile")]
    for told in (*own, await bob.call("GET", f"/users/{ann.name}")):
        assert told.items() >= expected.items()
    with pytest.raises(Refused) as refused:
        await bob.call("GET", "/users/nobody")
    assert refused.value.code == 404


async def test_a_guest_looks_around_and_makes_no_friends(deployment: Deployment) -> None:
    data = await api(deployment.url, "POST", "/auth/guest", body={"guestName": ""})
    assert data["user"]["isGuest"] is True
    guest = GoChatClient(deployment.url, data["user"]["userId"], data["token"])
    await guest.connect()
    assert (await world_of(guest))["unreadCount"] == 0
    await guest.send("world", "hi from a guest")
    for path, body in (("/friends", {"friendId": "x"}), ("/groups", {"groupName": "g", "members": ["x"]})):
        with pytest.raises(Refused) as refused:
            await guest.call("POST", path, body)
        assert refused.value.code == 403


async def test_logging_out_never_answers_401(deployment: Deployment) -> None:
    """The web client logs out at every 401: one here would go on without end."""
    ann, _ = await pair(deployment)
    for token in (ann.token, ann.token, "no token at all", ""):
        await api(deployment.url, "POST", "/auth/logout", token)
    with pytest.raises(Refused) as refused:
        await ann.call("GET", "/conversations")
    assert refused.value.code == 401


async def test_a_stale_token_does_not_keep_anybody_from_logging_in(deployment: Deployment) -> None:
    ann, _ = await pair(deployment)
    body = {"username": ann.name, "password": PASSWORD}
    assert (await api(deployment.url, "POST", "/auth/login", "stale", body))["user"]["userId"] == ann.name


async def test_pages_go_back_in_time(deployment: Deployment) -> None:
    ann, bob = await pair(deployment)
    conversation = await ann.open_single(bob.name)
    for number in range(1, 8):
        await ann.send(conversation, str(number))
    pages = [
        [one["content"] for one in await bob.call("GET", f"/conversations/{conversation}/messages?page={n}&size=3")]
        for n in (1, 2, 3, 4)
    ]
    assert pages == [["5", "6", "7"], ["2", "3", "4"], ["1"], []]
    assert (await bob.conversations())[conversation].unread == 0, "who reads the newest page has read it"


async def test_a_single_conversation_is_the_other_user_for_both(deployment: Deployment) -> None:
    ann, bob = await pair(deployment)
    conversation = await ann.open_single(bob.name)
    for client, other in ((ann, bob), (bob, ann)):
        [one] = [c for c in await client.call("GET", "/conversations") if c["conversationId"] == conversation]
        assert (one["type"], one["target"]["userId"], one["lastMessageTime"]) == ("single", other.name, "")
    assert (await ann.call("GET", "/users/status/online"))[bob.name] is True
    with pytest.raises(Refused) as refused:
        await ann.call("POST", "/friends", {"friendId": ann.name})
    assert refused.value.code == 400


async def test_new_friends_learn_that_the_other_is_online(deployment: Deployment) -> None:
    """The web client asks who is online only once, when its page opens."""
    ann, bob = await pair(deployment)
    await ann.open_single(bob.name)
    for client, other in ((ann, bob), (bob, ann)):
        assert (await client.wait_frame("friend-online", userId=other.name))["online"] is True
    again = await GoChatClient.login(ann.url, ann.name)
    await ann.disconnect()
    assert (await bob.wait_frame("friend-online", userId=ann.name, online=False)).keys() == {"userId", "online"}
    await again.connect()
    await bob.disconnect()
    assert (await again.wait_frame("online-status", userId=bob.name))["status"] == "offline"


async def test_a_group_is_made_of_whom_there_is(deployment: Deployment) -> None:
    """The web client offers user1 to user4 and nobody else, whether they exist or not."""
    ann, bob = await pair(deployment)
    body = {"groupName": "trip", "members": ["user1", bob.name, ann.name, bob.name]}
    made = (await ann.call("POST", "/groups", body))["conversation"]
    assert (made["type"], made["target"]["groupName"], made["target"]["memberCount"]) == ("group", "trip", 2)
    assert made["conversationId"] in await bob.conversations()


async def test_frames_that_are_none_are_answered_by_errors(deployment: Deployment) -> None:
    ann, bob = await pair(deployment)
    assert (await ann.wait_frame("connected"))["userId"] == ann.name
    assert (await ann.ask("pong", {"type": "ping", "data": {}}))["type"] == "pong"
    assert (await ann.ask("error", {"type": "nothing", "data": {}}))["data"]["code"] == "INVALID_MESSAGE"
    with pytest.raises(Refused):
        await ann.send("si_no_body", "hi")
    conversation = await ann.open_single(bob.name)
    with pytest.raises(Refused):
        await ann.send(conversation, "")
    await ann.send(conversation, "still here")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"tempMessageId": "a" * 64 + "1"}, {"tempMessageId": "a" * 64 + "2"}),
        ({"tempMessageId": 1_732_690_000_000}, {"tempMessageId": "1732690000000"}),
        ({"tempMessageId": 0.25}, {"tempMessageId": 0.5}),
        ({"tempMessageId": "first try", "client_msg_id": "k1"}, {"tempMessageId": "first try", "client_msg_id": "k2"}),
    ],
)
async def test_who_names_messages_apart_sends_two(
    deployment: Deployment, one: dict[str, Any], other: dict[str, Any]
) -> None:
    ann, bob = await pair(deployment)
    conversation = await ann.open_single(bob.name)
    acked = []
    for names in (one, other, one, other):
        data = {"conversationId": conversation, "content": "ok", "messageType": "text"} | names
        ack = await ann.ask(names["tempMessageId"], {"type": "send-message", "data": data})
        assert (ack["type"], ack["data"]["tempMessageId"]) == ("message-ack", names["tempMessageId"])
        acked.append(ack["data"]["messageId"])
    assert acked[:2] == acked[2:], "sending again is the same message"
    assert acked[0] != acked[1]
    assert len(await bob.history(conversation)) == 2


async def test_a_key_is_the_same_message_whatever_its_temporary_ids_are(deployment: Deployment) -> None:
    ann, bob = await pair(deployment)
    conversation = await ann.open_single(bob.name)
    acks = [
        await ann.ask(
            temporary,
            {
                "type": "send-message",
                "data": {
                    "conversationId": conversation,
                    "content": "once",
                    "tempMessageId": temporary,
                    "client_msg_id": "k",
                },
            },
        )
        for temporary in ("t1", "t2")
    ]
    assert acks[0]["data"]["messageId"] == acks[1]["data"]["messageId"]


async def test_requests_from_a_page_elsewhere_are_allowed(deployment: Deployment) -> None:
    headers = {
        "Origin": "http://localhost:5173",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    response = await request(deployment.url, "OPTIONS", "/api/auth/login", None, headers)
    assert response.status in (200, 204)
    allowed = {name.lower(): value for name, value in response.headers.items()}
    assert allowed["access-control-allow-origin"] in ("*", "http://localhost:5173")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/auth/login", b"{", 400),
        ("POST", "/auth/login", b"{}", 400),
        ("GET", "/nothing", None, 404),
        ("DELETE", "/conversations", None, 405),
        ("GET", "/conversations", None, 401),
    ],
)
async def test_refusals_come_in_the_envelope(
    deployment: Deployment, method: str, path: str, body: bytes | None, status: int
) -> None:
    response = await request(deployment.url, method, f"/api{path}", body, {"Content-Type": "application/json"})
    answer = json.loads(response.body)
    assert (response.status, answer["success"]) == (status, False)
    assert answer["message"]


async def test_three_dialects_talk_in_one_group(deployment: Deployment) -> None:
    ann, _ = await pair(deployment)
    (rey,) = await clients(ResonanceClient, deployment.url, f"rey{secrets.token_hex(2)}")
    group = await ann.create_group("mixed", [rey.name])
    await ann.send(group, "from gochat")
    assert (await rey.wait_content("from gochat")).sender == ann.name
    sent = await rey.send(group, "from resonance")
    assert (await ann.wait_content("from resonance")).message_id == sent.message_id
    assert "world" not in await rey.conversations(), "Resonance's clients have no place for it"
