"""Nexo's clients: the scenarios of every dialect, and what only Nexo has (wire.md, 2)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from typing import Any, ClassVar
from urllib.parse import urlencode

import pytest
import websockets

from tests.e2e.dialects.client import PASSWORD, WAIT_S, Client, Refused
from tests.e2e.dialects.http import request
from tests.e2e.dialects.nexo_client import NexoClient, ObjectClient, api, envelope
from tests.e2e.dialects.scenarios import OVERFLOW, Scenarios, clients
from tests.e2e.servers import Deployment
from tests.e2e.tokens import forge

pytestmark = pytest.mark.asyncio(loop_scope="module")

IOS, ANDROID = 1, 2
SECRET = secrets.token_hex(16)
ENVIRONMENT = {
    "RESONANCE_ACCOUNTS__NEWEST_WINS": f"[{IOS}]",  # as Nexo's logins do it; on one platform, to see the difference
    **OVERFLOW,
    "RESONANCE_DIALECTS__NEXO_INTERNAL_SECRET": SECRET,
}


class TestScenarios(Scenarios):
    """All of them, as the seed's clients do it."""

    kind: ClassVar[type[Client]] = NexoClient


class TestLaterScenarios(Scenarios):
    """All of them, below /im and with `data` as an object."""

    kind: ClassVar[type[Client]] = ObjectClient


async def trio(deployment: Deployment) -> tuple[NexoClient, NexoClient, NexoClient]:
    """Return three connected clients."""
    ann, bob, cid = await clients(NexoClient, deployment.url, "ann", "bob", "cid")
    return ann, bob, cid


# ---------------------------------------------------------------- HTTP


@pytest.mark.parametrize("prefix", ["", "/im"])
async def test_accounts_at_both_paths(deployment: Deployment, prefix: str) -> None:
    async def call(method: str, path: str, body: Any = None) -> Any:
        return await api(deployment.url, method, f"{prefix}{path}", token, body)

    token = ""
    made = await call("POST", "/auth/register", {"nickname": "Ann", "password": PASSWORD, "avatar": "http://a/b.png"})
    assert (made["nickname"], made["avatar"], "extra" in made) == ("Ann", "http://a/b.png", False)
    assert made["id"].isdigit(), "a user without an id is given one"
    assert made["created_at"] > 1_700_000_000_000
    login = await call("POST", "/auth/login", {"user_id": made["id"], "password": PASSWORD, "platform_id": 2})
    token = login["token"]
    assert await call("GET", "/user/info") == login["user_info"] == made
    assert await call("GET", f"/user/info/{made['id']}") == await call("GET", f"/user/profile/{made['id']}") == made
    changed = await call("PUT", "/user/update", {"nickname": "Anna", "extra": {"city": "Oslo"}})
    assert (changed["nickname"], json.loads(changed["extra"])) == ("Anna", {"city": "Oslo"})
    assert await call("POST", "/user/batch_info", {"user_ids": [made["id"], "nobody"]}) == [changed]
    [status] = await call("POST", "/user/get_users_online_status", {"user_ids": ["nobody"]})
    assert status == {"user_id": "nobody", "status": 0, "detail_platform_status": []}


async def test_registering_leaves_no_login_behind(deployment: Deployment) -> None:
    ann, *_ = await trio(deployment)
    devices = (await (await ann.native()).get("/auth/devices"))["devices"]
    assert len(devices) == 2  # ann's own, and the native one that asks


async def test_who_is_online_and_where(deployment: Deployment) -> None:
    ann, *_ = await trio(deployment)
    [status] = await ann.call("POST", "/user/get_users_online_status", {"user_ids": [ann.name]})
    web = {"platform_id": 5, "platform_name": "Web", "conn_id": ""}
    assert status == {"user_id": ann.name, "status": 1, "detail_platform_status": [web]}


async def test_friends_alone_are_told_who_is_online(deployment: Deployment) -> None:
    ann, bob, cid = await trio(deployment)
    native = await ann.native()
    await native.post("/friends/requests", user_id=bob.name)
    await (await bob.native()).request("PUT", f"/friends/requests/{ann.name}", action="accept")
    wish = {"user_ids": [bob.name, cid.name, ann.name]}
    told = await ann.call("POST", "/user/get_users_online_status", wish)
    assert [(one["user_id"], one["status"]) for one in told] == [(bob.name, 1), (cid.name, 0), (ann.name, 1)]
    assert told[1]["detail_platform_status"] == [], "nothing of a stranger"
    await native.request("DELETE", f"/friends/{bob.name}")
    [status] = await ann.call("POST", "/user/get_users_online_status", {"user_ids": [bob.name]})
    assert status["status"] == 0, "a friend no more"


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "/auth/register", b"{", 1001),
        ("POST", "/auth/register", b"{}", 1001),
        ("POST", "/auth/login", b'{"user_id":5}', 1001),
        ("POST", "/auth/login", b'{"user_id":"nobody","password":"wrong horse"}', 2008),
        ("GET", "/user/info", None, 2003),
        ("GET", "/nothing", None, 1005),
        ("DELETE", "/user/info", None, 1005),
        ("POST", "/msg/send", b" " * 2_000_000, 1001),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/im"])
async def test_refusals_are_200_and_a_code(
    deployment: Deployment, prefix: str, method: str, path: str, body: bytes | None, code: int
) -> None:
    path = path if path.count("/") > 1 else f"/user{path}"
    response = await request(deployment.url, method, f"{prefix}{path}", body, {"Content-Type": "application/json"})
    answer = json.loads(response.body)
    assert (response.status, answer["code"]) == (200, code)
    assert answer["msg"] == answer["message"] != ""
    assert "data" not in answer


async def test_tokens_are_told_apart(deployment: Deployment) -> None:
    ann, *_ = await trio(deployment)
    expired = forge(ann.token, deployment.secret, iat=1_600_000_000, exp=1_600_000_001)
    for token, code in ((f"{ann.token}x", 2001), (expired, 2002), ("", 2003)):
        assert (await envelope(deployment.url, "GET", "/user/info", token))["code"] == code
    response = await request(deployment.url, "GET", "/im/user/info", None, {"X-Token": ann.token})
    assert json.loads(response.body)["data"]["id"] == ann.name
    headers = {name.lower() for name in response.headers}
    assert "trace-id" in headers


async def test_requests_from_a_page_elsewhere_are_allowed(deployment: Deployment) -> None:
    headers = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    response = await request(deployment.url, "OPTIONS", "/auth/login", None, headers)
    allowed = {name.lower(): value for name, value in response.headers.items()}
    assert (response.status, allowed["access-control-allow-origin"]) == (204, "*")


async def test_health_has_no_envelope(deployment: Deployment) -> None:
    for path in ("/health", "/im/health"):
        response = await request(deployment.url, "GET", path)
        assert json.loads(response.body)["status"] == "ok"


async def by_service(url: str, method: str, path: str, user: str, body: Any = None) -> Any:
    """Call below /im/internal as a service that acts for a user; return the envelope."""
    content = b"" if body is None else json.dumps(body).encode()
    stamp = str(int(time.time()))
    where = f"/im/internal{path}"
    signed = "\n".join(("billing", stamp, method, where, hashlib.sha256(content).hexdigest()))
    signature = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
    headers = {"X-Service-Name": "billing", "X-Timestamp": stamp, "X-Signature": signature, "X-User-Id": user}
    headers["Content-Type"] = "application/json"
    return json.loads((await request(url, method, where, content or None, headers)).body)


@pytest.mark.parametrize("host", ["x/im/internal/y", "x/im/internal/y?", "x/im/internal/y#"])
async def test_nobody_acts_for_a_user_by_what_a_request_is_called(deployment: Deployment, host: str) -> None:
    """Only a signature makes a service of a caller, whatever path or host a request names."""
    ann, *_ = await clients(NexoClient, deployment.url, "ann")
    for path in ("/user/info", "/im/user/info", "/im/internal/user/info"):
        response = await request(deployment.url, "GET", path, None, {"Host": host, "X-User-Id": ann.name})
        assert json.loads(response.body)["code"] != 0, path


async def test_services_act_for_users(deployment: Deployment) -> None:
    ann, bob, _ = await trio(deployment)
    url = ann.url
    assert (await by_service(url, "GET", "/user/info", ann.name))["data"]["id"] == ann.name
    assert (await by_service(url, "GET", f"/user/profile/{bob.name}", ann.name))["data"]["id"] == bob.name
    body = {
        "client_msg_id": "k",
        "recv_id": bob.name,
        "session_type": 1,
        "msg_type": 1,
        "content": {"text": "by a service"},
    }
    sent = (await by_service(url, "POST", "/msg/send", ann.name, body))["data"]
    assert (await bob.wait_content("by a service")).sender == ann.name
    listed = await by_service(url, "POST", "/conversation/list", bob.name, {"limit": 1})
    assert [one["conversation_id"] for one in listed["data"]["list"]] == [sent["conversation_id"]]
    assert (await by_service(url, "GET", "/user/info", ""))["code"] == 2003
    assert (await by_service(url, "GET", "/user/info", "nobody"))["code"] == 2006
    assert await by_service(url, "GET", "/health", "") == {"status": "ok"}
    for path in ("/user/info", "/health", "/conversation/list"):
        answer = await envelope(url, "GET", f"/im/internal{path}", ann.token)
        assert answer["code"] == 2003, "a user's token is nothing there"
    made = {"user_id": "newcomer", "password": PASSWORD}
    assert (await envelope(url, "POST", "/im/internal/auth/register", "", made))["code"] == 2003


# ---------------------------------------------------------------- groups


async def refused(call: Any) -> object:
    """Return the code that a call is refused with."""
    with pytest.raises(Refused) as refusal:
        await call
    return refusal.value.code


@pytest.mark.parametrize("kind", [NexoClient, ObjectClient])
async def test_the_life_of_a_group(deployment: Deployment, kind: type[NexoClient]) -> None:
    """N10, N11, N12 and the second flow of N20, by Nexo's own routes alone."""
    ann, bob, cid = await clients(kind, deployment.url, "ann", "bob", "cid")
    made = await ann.call(
        "POST", "/group/create", {"name": "trip", "introduction": "to Oslo", "member_ids": [bob.name]}
    )
    group_id, conversation = made["id"], f"sg_{made['id']}"
    assert (made["name"], made["introduction"], made["status"], made["creator_user_id"], made["member_count"]) == (
        *("trip", "to Oslo", 0, ann.name),
        2,
    )
    assert await refused(cid.send(conversation, "let me in")) == 3003
    assert await refused(cid.history(conversation)) == 1007
    assert await refused(cid.call("GET", "/group/members", group_id=group_id)) == 3003
    await ann.send(conversation, "before")
    await cid.call("POST", "/group/join", {"group_id": group_id})
    assert await refused(cid.call("POST", "/group/join", {"group_id": group_id})) == 3005
    await ann.send(conversation, "while cid is here")
    await cid.wait_content("while cid is here")
    members = {one["user_id"]: one for one in await cid.call("GET", "/group/members", group_id=group_id)}
    assert {name: (one["role_level"], one["status"]) for name, one in members.items()} == {
        ann.name: (2, 0),
        bob.name: (0, 0),
        cid.name: (0, 0),
    }
    assert (members[bob.name]["join_seq"], members[cid.name]["join_seq"] > 1) == (1, True)
    await cid.call("POST", "/group/quit", {"group_id": group_id})
    assert await refused(cid.call("POST", "/group/quit", {"group_id": group_id})) == 3003
    assert await refused(cid.send(conversation, "too late")) == 3004
    assert await refused(ann.call("POST", "/group/quit", {"group_id": group_id})) == 3008
    await ann.send(conversation, "after")
    seen = [message.content for message in await cid.history(conversation) if message.kind == "text"]
    assert seen == ["while cid is here"], "nothing of before, and nothing of after"
    assert await refused(ann.call("GET", "/group/info", group_id="nothing")) == 3001
    await (await ann.native()).request("DELETE", f"/groups/{group_id}")
    assert (await bob.call("GET", "/group/info", group_id=group_id))["status"] == 1
    assert await refused(bob.send(conversation, "anybody?")) == 3002


async def test_a_group_that_asks_for_approval(deployment: Deployment) -> None:
    ann, bob, _ = await trio(deployment)
    group_id = (await ann.create_group("trip", [])).removeprefix("sg_")
    native = await ann.native()
    await native.request("PATCH", f"/groups/{group_id}", join_approval=True)
    assert await refused(bob.call("POST", "/group/join", {"group_id": group_id})) == 1004
    await native.request("PUT", f"/groups/{group_id}/requests/{bob.name}", action="accept")
    assert (await bob.call("GET", "/group/info", group_id=group_id))["name"] == "trip"


# ---------------------------------------------------------------- messages


@pytest.mark.parametrize("prefix", ["", "/im"])
async def test_sending_by_http(deployment: Deployment, prefix: str) -> None:
    ann, bob, _ = await trio(deployment)
    for number, (path, msg_type, content) in enumerate(
        [
            ("send", 1, {"text": "hi"}),
            ("send_without_mark_read", 2, {"image": "http://a/b.png"}),
            ("send", 100, {"custom": '{"a":1}'}),
        ],
        1,
    ):
        body = {"client_msg_id": f"k{number}", "recv_id": bob.name, "session_type": 1, "msg_type": msg_type}
        told = await api(ann.url, "POST", f"{prefix}/msg/{path}", ann.token, body | {"content": content})
        assert (told["seq"], told["sender_id"], told["content"]) == (number, ann.name, content)
        [pulled] = (await bob.call("GET", "/msg/pull", conversation_id=told["conversation_id"], begin_seq=number))[
            "messages"
        ]
        assert pulled == told
        again = await api(ann.url, "POST", f"{prefix}/msg/{path}", ann.token, body | {"content": content})
        assert again == told, "the same client_msg_id is the same message (N8)"
    conversation = told["conversation_id"]
    assert await bob.call("GET", "/msg/max_seq", conversation_id=conversation) == {"max_seq": 3}
    other = {**body, "content": {"custom": "other"}}
    assert await refused(ann.call("POST", "/msg/send", other)) == 4002
    assert await refused(ann.call("POST", "/msg/send", {**body, "client_msg_id": ""})) == 1001
    assert await refused(ann.call("POST", "/msg/send", {**other, "client_msg_id": "n", "recv_id": "nobody"})) == 2006


async def test_a_resend_is_answered_after_leaving(deployment: Deployment) -> None:
    ann, bob, _ = await trio(deployment)
    group = await ann.create_group("trip", [bob.name])
    first = await bob.send(group, "once", "key-1")
    await bob.call("POST", "/group/quit", {"group_id": group.removeprefix("sg_")})
    assert await bob.send(group, "once", "key-1") == first


async def test_pulling(deployment: Deployment) -> None:
    ann, bob, _ = await trio(deployment)
    conversation = await ann.open_single(bob.name)
    for number in range(1, 8):
        await ann.send(conversation, str(number))

    async def contents(req: int, **data: Any) -> list[str]:
        answer = await bob.ask(req, conversation_id=conversation, **data)
        assert answer["max_seq"] == 7
        return [message["content"]["text"] for message in answer["messages"]]

    assert await contents(1005) == ["1", "2", "3", "4", "5", "6", "7"]
    assert await contents(1005, begin_seq=2, end_seq=6, limit=3) == ["2", "3", "4"]
    assert await contents(1005, begin_seq=6, end_seq=3) == []
    assert await contents(1002, seq_list=[7, 2, 5, 2, 99]) == ["2", "5", "7"]
    assert await refused(bob.ask(1002, conversation_id=conversation, seq_list=[])) == 1001
    assert await refused(bob.ask(1002, conversation_id=conversation, seq_list=list(range(1, 102)))) == 1001
    assert (await bob.ask(1001, conversation_ids=[conversation, "si_x_y"]))["seqs"] == {conversation: 7}


async def test_pulling_seqs_far_apart(deployment: Deployment) -> None:
    ann, bob, _ = await trio(deployment)
    conversation = await ann.open_single(bob.name)
    await asyncio.gather(*(ann.send(conversation, str(number)) for number in range(1, 621)))
    answer = await bob.ask(1002, conversation_id=conversation, seq_list=[620, 1, 501, 2**62])
    assert [message["seq"] for message in answer["messages"]] == [1, 501, 620]


async def test_read_and_unread_over_both_doors(deployment: Deployment) -> None:
    ann, bob, _ = await trio(deployment)
    conversation = await ann.open_single(bob.name)
    for content in ("one", "two", "three"):
        await ann.send(conversation, content)
    query = {"conversation_id": conversation}
    assert await bob.ask(1006, **query) == {"max_seq": 3, "read_seq": 0, "unread_count": 3}
    await bob.mark_read(conversation, 0)  # to nowhere: 0 is not the end here
    assert await bob.call("GET", "/conversation/max_read_seq", **query) == {
        "max_seq": 3,
        "read_seq": 0,
        "unread_count": 3,
    }
    await bob.mark_read(conversation, 2)
    assert await bob.ask(1006, **query) == {"max_seq": 3, "read_seq": 2, "unread_count": 1}
    assert await bob.call("GET", "/conversation/unread_count", **query) == {"unread_count": 1}
    assert await bob.call("GET", "/conversation/unread_count", **query, read_seq=1) == {"unread_count": 2}
    await bob.mark_read(conversation, 99)
    assert await bob.ask(1006, **query) == {"max_seq": 3, "read_seq": 3, "unread_count": 0}
    assert await refused(bob.mark_read("sg_nothing", 1)) == 4003


# ---------------------------------------------------------------- conversations


async def test_the_list_in_both_shapes(deployment: Deployment) -> None:
    ann, *_ = await trio(deployment)
    groups = [await ann.create_group(f"group {number}", []) for number in range(5)]
    newest_first = groups[::-1]
    bare = await ann.call("GET", "/conversation/list")
    assert [one["conversation_id"] for one in bare] == newest_first
    assert bare == await ann.call("GET", "/conversation/all") == await ann.call("POST", "/conversation/all")
    pages: list[list[str]] = []
    cursor: dict[str, Any] = {"updated_at": 0, "conversation_id": ""}
    more = True
    while more:
        query = {
            "limit": 2,
            "cursor_updated_at": cursor["updated_at"],
            "cursor_conversation_id": cursor["conversation_id"],
        }
        page = await ann.call("GET", "/conversation/list", **query)
        assert page == await ann.call("POST", "/conversation/list", query)
        assert not any("last_message" in one for one in page["list"])
        pages.append([one["conversation_id"] for one in page["list"]])
        cursor, more = page["next_cursor"], page["has_more"]
    assert pages == [newest_first[:2], newest_first[2:4], newest_first[4:]]
    later = await api(ann.url, "GET", "/im/conversation/list", ann.token)
    assert ([one["conversation_id"] for one in later["list"]], later["has_more"]) == (newest_first, False)
    with_last = await ann.call("GET", "/conversation/list", with_last_message="true", limit=1)
    assert with_last["list"][0]["last_message"]["msg_type"] == 100


async def test_settings_of_a_conversation(deployment: Deployment) -> None:
    ann, bob, _ = await trio(deployment)
    conversation = await ann.open_single(bob.name)
    await ann.send(conversation, "hi")
    query = {"conversation_id": conversation}
    await bob.call("PUT", "/conversation/update", {"recv_msg_opt": 1, "is_pinned": True}, **query)
    told = await bob.call("GET", "/conversation/info", **query)
    assert told.pop("updated_at") > 1_700_000_000_000
    assert told.pop("last_message")["content"] == {"text": "hi"}
    assert told == {
        "conversation_id": conversation,
        "conversation_type": 1,
        "peer_user_id": ann.name,
        "group_id": "",
        "recv_msg_opt": 1,
        "is_pinned": True,
        "unread_count": 1,
        "max_seq": 1,
        "read_seq": 0,
    }
    assert await refused(bob.call("PUT", "/conversation/update", {"recv_msg_opt": 3}, **query)) == 1001
    assert await refused(bob.call("PUT", "/conversation/update", {"is_pinned": True})) == 1001


async def test_everybodys_conversation_is_not_shown(deployment: Deployment) -> None:
    """It begins to exist when a client of GoChat comes, of whom clients of Nexo know nothing."""
    ann, bob, _ = await trio(deployment)
    body = json.dumps({"username": ann.name, "password": PASSWORD}).encode()
    login = await request(ann.url, "POST", "/api/auth/login", body, {"Content-Type": "application/json"})
    headers = {"Authorization": f"Bearer {json.loads(login.body)['data']['token']}"}
    listed = json.loads((await request(ann.url, "GET", "/api/conversations", None, headers)).body)["data"]
    assert "world" in [one["conversationId"] for one in listed]
    await (await ann.native()).post("/messages", conversation_id="world", content="hello world")
    conversation = await ann.open_single(bob.name)
    await ann.send(conversation, "to bob")
    await bob.wait_content("to bob")
    assert [message.content for message in bob.received] == ["to bob"]
    assert set(await bob.conversations()) == {conversation}


# ---------------------------------------------------------------- WebSocket


@pytest.mark.parametrize("path", ["/ws", "/im/ws"])
async def test_upgrades_are_refused_by_status(deployment: Deployment, path: str) -> None:
    ann, bob, _ = await trio(deployment)
    good = {"token": ann.token, "send_id": ann.name, "platform_id": "5", "operation_id": "x"}
    for change, status in (
        ({"token": ""}, 400),
        ({"send_id": ""}, 400),
        ({"platform_id": "web"}, 400),
        ({"token": f"{ann.token}x"}, 401),
        ({"send_id": bob.name}, 401),
        ({"platform_id": "1"}, 401),
    ):
        with pytest.raises(websockets.InvalidStatus) as refusal:
            await websockets.connect(f"{ann.url.replace('http', 'ws', 1)}{path}?{urlencode(good | change)}")
        assert (refusal.value.response.status_code, change) == (status, change)
        body = json.loads(refusal.value.response.body or b"")
        assert body["msg"] == body["message"] != ""
    later = good | {"sdk_type": "js", "is_msg_resp": "true"}
    socket_ = await websockets.connect(f"{ann.url.replace('http', 'ws', 1)}{path}?{urlencode(later)}")
    async with asyncio.timeout(WAIT_S):
        await (await socket_.ping())
    await socket_.close()


async def test_frames_that_are_wrong_are_answered(deployment: Deployment) -> None:
    ann, bob, _ = await trio(deployment)
    conversation = await ann.open_single(bob.name)
    other = await ann.exchange(1001, {"conversation_ids": []}, head={"send_id": bob.name})
    assert (other["err_code"], other["err_msg"]) == (2004, "errcode: 2004, msg: user Id mismatch")
    assert (await ann.exchange(4711, {}))["err_code"] == 5003
    assert (await ann.exchange(1003, {}, head={"data": "no base64"}))["err_code"] == 5003
    await ann.send_frame(b"no JSON")
    assert (await ann.wait_frame(3001))["err_code"] == 5003
    letter = ann.letter(conversation, "hi", "key")
    assert (await ann.exchange(1003, letter | {"msg_type": 2}))["err_code"] == 1001
    await ann.send_frame(json.dumps({"req_identifier": 1003, "send_id": ann.name, "data": letter}))  # text is read, too
    assert (await bob.wait_content("hi")).seq == 1


async def test_a_login_on_the_same_platform_kicks(deployment: Deployment) -> None:
    ann, *_ = await trio(deployment)
    phone = await NexoClient.login(ann.url, ann.name, platform=IOS)
    tablet = await NexoClient.login(ann.url, ann.name, platform=ANDROID)
    for client in (phone, tablet):
        await client.connect()
    newer = await NexoClient.login(ann.url, ann.name, platform=IOS)
    async with asyncio.timeout(WAIT_S):
        await phone.closed.wait()
    assert [frame["req_identifier"] for frame in phone.frames] == [2002]
    assert await refused(phone.connect()) == 401
    assert await refused(phone.call("GET", "/user/info")) == 2001
    for client in (ann, tablet):
        assert (await client.ask(1001, conversation_ids=[]))["seqs"] == {}, "other platforms stay"
    await newer.connect()


async def test_keys_are_a_senders_own(deployment: Deployment) -> None:
    ann, bob, _ = await trio(deployment)
    conversation = await ann.open_single(bob.name)
    key = secrets.token_hex(32)
    await ann.send(conversation, "hi", key)
    await bob.wait_content("hi")
    assert (await bob.send(conversation, "hi", key)).seq == 2
    assert await refused(ann.send(conversation, "hi", f"~{key[1:]}")) == 1001
    assert await refused(ann.send(conversation, "hi", f"{key}x")) == 1001
