"""What no client should send, over real sockets: each has a code of the catalogue and leaves others untouched."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket as sockets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
import websockets

from tests.e2e.clients import HttpError, Socket, User, call, people, refused_upgrade
from tests.e2e.servers import Deployment
from tests.e2e.tokens import forge

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENVIRONMENT = {"RESONANCE_WS_CONFIG__HIGH_WATER": "131072"}

HALF = "\\ud800"  # half a surrogate pair, as JSON can say it
HUGE = 2**64


@dataclass
class Bystanders:
    """Two people who chat on the same server and have nothing to do with it."""

    ann: Socket
    bob: Socket
    conversation: str
    group: str

    async def chat(self) -> None:
        """Say something new, and hear it, on the connections of the beginning."""
        word = secrets.token_hex(8)
        ack = await self.ann.chat(self.conversation, word, word)
        assert not ack.get("code")
        await self.bob.wait_push(word)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bystanders(deployment: Deployment) -> AsyncIterator[Bystanders]:
    """Two people who chat."""
    ann, bob = await people(deployment.url, "ann", "bob")
    at_ann, at_bob = await Socket.open(ann), await Socket.open(bob, binary=True)
    ack = await at_ann.chat("", "hi", "k", toUsername=bob.name)
    group = await ann.post("/groups", name="Theirs", members=[bob.name])
    yield Bystanders(at_ann, at_bob, ack["sessionId"], group["conversation_id"])
    await at_ann.close()
    await at_bob.close()


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def untouched(bystanders: Bystanders) -> AsyncIterator[None]:
    """After every test, others still chat."""
    yield
    await bystanders.chat()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mallory(deployment: Deployment) -> User:
    """Whoever sends what nobody should."""
    return (await people(deployment.url, "mallory"))[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own(mallory: User) -> str:
    """A conversation of mallory's, with a few messages."""
    [other] = await people(mallory.url, "other")
    conversation: str = (await mallory.post("/conversations", user_id=other.name))["conversation_id"]
    for number in range(3):
        await mallory.post("/messages", conversation_id=conversation, content=f"{number}", client_msg_id=f"own{number}")
    return conversation


# ---------------------------------------------------------------- frames


def varint_field(number: int, value: int) -> bytes:
    return bytes([number << 3, value])


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"\xff\xff\xff\xff", id="no packet"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\xfa\x01\x00", id="an unknown kind"),
        pytest.param(varint_field(11, 5), id="a number for a message"),
        pytest.param(b"\x0a\x02\xff\xfe", id="a text that is no UTF-8"),
        pytest.param(b"\x62\x00", id="what only servers send"),
    ],
)
async def test_a_binary_frame_that_is_no_packet(mallory: User, frame: bytes) -> None:
    socket = await Socket.open(mallory, binary=True)
    await socket.send_raw(frame)
    answer = await socket.wait(lambda packet: "fault" in packet)
    assert answer["fault"]["code"] == "malformed_packet"
    await socket.send({"pulse": {}})
    await socket.wait(lambda packet: "pulse" in packet)
    await socket.close()


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "hello",
        "[]",
        "null",
        "{}",
        '{"sing": {}}',
        '{"seq": 1, "pulse": {}}',
        '{"chat": "hi"}',
        '{"chat": {"content": 1}}',
        '{"chat": {"content": null, "sessionId": []}}',
        '{"push": {}}',
        f'{{"chat": {{"content": "{HALF}"}}}}',
        f'{{"seq": "{HALF}", "pulse": {{}}}}',
        f'{{"read": {{"seqId": {HUGE}}}}}',
        f'{{"read": {{"seqId": "{HUGE}"}}}}',
        '{"read": {"seqId": 1e400}}',
        "[" * 10_000,
        '{"chat":' * 10_000,
    ],
)
async def test_a_text_frame_that_is_no_packet(mallory: User, frame: str) -> None:
    socket = await Socket.open(mallory)
    await socket.send_raw(frame)
    answer = await socket.wait(lambda packet: "fault" in packet)
    assert answer["fault"]["code"] == "malformed_packet"
    await socket.send({"pulse": {}})
    await socket.wait(lambda packet: "pulse" in packet, count=2)
    await socket.close()


async def test_a_client_that_sends_nothing_else_is_cut(mallory: User) -> None:
    socket = await Socket.open(mallory)
    for _ in range(10):
        await socket.send_raw("nonsense")
    assert await socket.wait_closed() == 4505


async def test_ten_mebibytes_in_one_frame(mallory: User) -> None:
    socket = await Socket.open(mallory, binary=True)
    with contextlib.suppress(websockets.ConnectionClosed):  # cut before it could send all of it
        await socket.send_raw(b"\0" * (10 << 20))
    assert await socket.wait_closed() == 1009


async def test_a_text_frame_of_bad_utf8(mallory: User) -> None:
    socket = await Socket.open(mallory)
    await socket.send_raw(b'{"seq": "\xff", "pulse": {}}', text=True)
    assert await socket.wait_closed() == 1007


# ---------------------------------------------------------------- packets


def chat(**fields: Any) -> dict[str, Any]:
    return {"content": "x", "clientMsgId": "", **fields}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"clientMsgId": "~gateway.1.1.1"}, "reserved_key"),
        ({"clientMsgId": "x" * 65}, "invalid_argument"),
        ({"clientMsgId": "a\0b"}, "invalid_argument"),
        ({"type": "sticker"}, "invalid_argument"),
        ({"type": "system"}, "invalid_argument"),
        ({"content": ""}, "invalid_argument"),
        ({"content": "a\0b"}, "invalid_argument"),
        ({"content": "x" * 5001}, "too_large"),
        ({"type": "custom", "content": "é" * 16_385}, "too_large"),
        ({"extra": "[]"}, "invalid_argument"),
        ({"extra": '{"a": "' + "x" * 8192 + '"}'}, "too_large"),
        ({"sessionId": "nowhere"}, "conversation_not_found"),
        ({"sessionId": "a\0b"}, "conversation_not_found"),
        ({"sessionId": ""}, "invalid_argument"),
        ({"sessionId": "", "toUsername": "a:b"}, "invalid_argument"),
        ({"sessionId": "", "toUsername": "a\nb"}, "invalid_argument"),
        ({"sessionId": "", "toUsername": "nobody-of-this-name"}, "user_not_found"),
    ],
)
@pytest.mark.parametrize("binary", [False, True], ids=["json", "protobuf"])
async def test_a_message_that_cannot_be(
    mallory: User, own: str, binary: bool, fields: dict[str, str], code: str
) -> None:
    socket = await Socket.open(mallory, binary=binary)
    await socket.send({"seq": "bad", "chat": {"sessionId": own, **chat(**fields)}})
    ack = (await socket.wait(lambda packet: "ack" in packet))["ack"]
    assert (ack["code"], ack["refSeq"], ack.get("seqId", "0")) == (code, "bad", "0")
    assert ack["error"]
    await socket.close()


async def test_a_message_to_conversations_of_others(mallory: User, bystanders: Bystanders) -> None:
    socket = await Socket.open(mallory)
    assert (await socket.chat(bystanders.group, "let me in", "k1"))["code"] == "not_member"
    assert (await socket.chat(bystanders.conversation, "let me in", "k2"))["code"] == "conversation_not_found"
    await socket.close()


@pytest.mark.parametrize(
    ("seq", "conversation", "code"),
    [
        ("-1", "own", "invalid_argument"),
        ("1", "nowhere", "conversation_not_found"),
        ("1", "others", "conversation_not_found"),
        ("1", "their_group", "not_member"),
    ],
)
async def test_a_read_pointer_that_cannot_be(
    mallory: User, own: str, bystanders: Bystanders, seq: str, conversation: str, code: str
) -> None:
    known = {"own": own, "others": bystanders.conversation, "their_group": bystanders.group}
    target = known.get(conversation, conversation)
    socket = await Socket.open(mallory)
    await socket.send({"seq": "bad", "read": {"sessionId": target, "seqId": seq}})
    fault = (await socket.wait(lambda packet: "fault" in packet))["fault"]
    assert (fault["code"], fault["refSeq"]) == (code, "bad")
    await socket.close()


async def test_a_read_pointer_beyond_the_end_stops_at_the_end(mallory: User, own: str) -> None:
    socket = await Socket.open(mallory)
    await socket.send({"seq": "far", "read": {"sessionId": own, "seqId": str(2**63 - 1)}})
    ack = (await socket.wait(lambda packet: "readAck" in packet))["readAck"]
    assert (ack["readSeq"], ack.get("unread", "0")) == ("3", "0")
    over_http = await mallory.post(f"/conversations/{own}/read", seq=10**12)
    assert over_http["read_seq"] == 3
    await socket.close()


async def test_a_client_that_never_reads(deployment: Deployment, mallory: User, bystanders: Bystanders) -> None:
    [deaf] = await people(deployment.url, "deaf")
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    raw.setblocking(False)
    port = int(deployment.url.rpartition(":")[2])
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
    address = deaf.url.replace("http", "ws", 1) + f"/ws?token={deaf.token}"
    connection = await websockets.connect(address, sock=raw, compression=None, max_queue=1, ping_interval=None)
    talker = await Socket.open(mallory)
    first = await talker.chat("", "are you there?", "", toUsername=deaf.name)

    for number in range(1000):
        ack = await talker.chat(first["sessionId"], "x" * 30_000, "", type="custom")
        assert not ack.get("code")
        if number % 10 == 0 and (await deployment.front.metrics())["gateway_slow_consumers_total"] > 0:
            break
    else:
        raise AssertionError("nobody was cut")
    await bystanders.chat()
    page = await deaf.get(f"/conversations/{first['sessionId']}/messages?limit=1")
    assert page["end"] >= int(ack["seqId"])  # what was not pushed is pulled
    connection.transport.abort()
    await connection.wait_closed()
    await talker.close()


# ---------------------------------------------------------------- tokens


@pytest_asyncio.fixture(loop_scope="module", params=["foreign", "expired", "unknown", "unsigned", "refresh", "garbage"])
async def bad_token(request: pytest.FixtureRequest, deployment: Deployment, mallory: User) -> tuple[str, str]:
    """A token, and the code it is refused with."""
    secret = deployment.secret
    match request.param:
        case "foreign":
            return forge(mallory.token, b"a secret of somebody else, long enough"), "token_invalid"
        case "expired":
            return forge(mallory.token, secret, exp=int(time.time()) - 60), "token_expired"
        case "unknown":
            return forge(mallory.token, secret, did="0" * 32), "token_revoked"
        case "unsigned":
            return forge(mallory.token, secret, {"alg": "none"}), "token_invalid"
        case "refresh":
            return mallory.refresh_token, "token_invalid"
    return "not.a.token", "token_invalid"


async def test_a_token_that_is_not_good(deployment: Deployment, bad_token: tuple[str, str]) -> None:
    token, code = bad_token
    with pytest.raises(HttpError) as refused:
        await call(deployment.url, "GET", "/api/v1/users/me", token=token)
    assert (refused.value.status, refused.value.problem["code"]) == (401, code)
    status, problem = await refused_upgrade(deployment.url, token)
    assert (status, problem["code"]) == (401, code)


async def test_no_token(deployment: Deployment) -> None:
    assert (await refused_upgrade(deployment.url, ""))[1]["code"] == "unauthenticated"


# ---------------------------------------------------------------- HTTP


@pytest.mark.parametrize("handle", ["a:b", "a\nb", "a\0b", "", "x" * 65, "a b", "admin"])
async def test_a_handle_that_nobody_may_have(deployment: Deployment, handle: str) -> None:
    with pytest.raises(HttpError) as refused:
        await User.register(deployment.url, handle)
    assert (refused.value.status, refused.value.problem["code"]) == (400, "invalid_argument")
    assert refused.value.problem["field"] in {"user_id", "username"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/auth/register", f'{{"username": "{HALF}", "password": "secret-1"}}', 400, "malformed_packet"),
        ("POST", "/messages", f'{{"conversation_id": "{{own}}", "content": "{HALF}"}}', 400, "malformed_packet"),
        ("POST", "/messages", '{"conversation_id": "{own}", "content": "a\\u0000b"}', 400, "invalid_argument"),
        ("POST", "/messages", '{"conversation_id": "{own}", "content": NaN}', 400, "malformed_packet"),
        ("POST", "/messages", '{"conversation_id": "{own}"}', 400, "invalid_argument"),
        ("POST", "/messages", '{"conversation_id": "{own}", "content": 5}', 400, "invalid_argument"),
        ("POST", "/messages", '{"content": "to nobody"}', 400, "invalid_argument"),
        (
            "POST",
            "/messages",
            '{"conversation_id": "{own}", "content": "x", "client_msg_id": "~g.1.0.1"}',
            400,
            "reserved_key",
        ),
        ("POST", "/messages", '{"conversation_id": "{others}", "content": "x"}', 404, "conversation_not_found"),
        ("POST", "/messages", '{"conversation_id": "{their_group}", "content": "x"}', 403, "not_member"),
        ("POST", "/groups", '{"name": "", "members": []}', 400, "invalid_argument"),
        ("POST", "/session/create", '{"members": [], "type": 1}', 400, "invalid_argument"),
        ("POST", "/groups", '{"name": "g", "members": ["nobody-of-this-name"]}', 404, "user_not_found"),
        ("POST", "/groups", '{"name": "g", "members": ["a:b"]}', 400, "invalid_argument"),
        ("POST", "/groups", '{"name": "g", "group_id": "a:b"}', 400, "invalid_argument"),
        ("POST", "/groups/{group}/members", '{"user_ids": []}', 400, "invalid_argument"),
        ("POST", "/groups/{group}/members", '{"user_ids": ["{mallory}"]}', 400, "invalid_argument"),
        ("GET", "/conversations/{their_group}/messages", "", 403, "not_member"),
        ("GET", "/conversations/{their_group}/messages?begin=1&end=5", "", 403, "not_member"),
        ("GET", "/conversations/{others}/messages", "", 404, "conversation_not_found"),
        ("GET", "/conversations/nowhere/messages", "", 404, "conversation_not_found"),
        ("GET", "/conversations/{own}/messages?limit=-1", "", 400, "invalid_argument"),
        ("GET", "/conversations/{own}/messages?limit=0", "", 400, "invalid_argument"),
        ("GET", "/conversations/{own}/messages?limit=501", "", 400, "invalid_argument"),
        ("GET", "/conversations/{own}/messages?begin=-1", "", 400, "invalid_argument"),
        ("GET", f"/conversations/{{own}}/messages?before_seq={HUGE}", "", 400, "invalid_argument"),
        ("GET", f"/inbox?cursor={HUGE}", "", 400, "invalid_argument"),
        ("GET", "/inbox?cursor=-1", "", 400, "invalid_argument"),
        ("POST", "/conversations/{own}/read", '{"seq": -1}', 400, "invalid_argument"),
        ("POST", "/conversations/{own}/read", f'{{"seq": {HUGE}}}', 400, "invalid_argument"),
        ("POST", "/conversations/{own}/read", '{"seq": 1.5}', 400, "invalid_argument"),
        ("POST", "/conversations/{their_group}/read", "{}", 403, "not_member"),
        ("GET", "/sync?token=%00", "", 400, "invalid_argument"),
        ("POST", "/messages", "[" * 100_000, 400, "malformed_packet"),
        ("POST", "/messages", "{", 400, "malformed_packet"),
        ("POST", "/messages", '"' + "x" * (2 << 20) + '"', 413, "too_large"),
        ("GET", "/nothing/here", "", 404, "not_found"),
    ],
)
async def test_a_request_that_cannot_be_done(
    mallory: User,
    own: str,
    group: str,
    bystanders: Bystanders,
    method: str,
    path: str,
    body: str,
    status: int,
    code: str,
) -> None:
    names = {"own": own, "group": group, "mallory": mallory.name}
    names |= {"others": bystanders.conversation, "their_group": bystanders.group}
    for name, value in names.items():
        path, body = path.replace(f"{{{name}}}", value), body.replace(f"{{{name}}}", value)
    with pytest.raises(HttpError) as refused:
        await call(mallory.url, method, f"/api/v1{path}", body.encode() if body else None, mallory.token)
    assert (refused.value.status, refused.value.problem["code"]) == (status, code)
    assert refused.value.problem["detail"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def group(mallory: User) -> str:
    """A group of mallory's."""
    made: str = (await mallory.post("/groups", name="Mine"))["group_id"]
    return made


async def test_a_body_that_is_no_utf8(mallory: User) -> None:
    with pytest.raises(HttpError) as refused:
        await call(mallory.url, "POST", "/api/v1/messages", b'{"content": "\xff"}', mallory.token)
    assert refused.value.problem["code"] == "malformed_packet"


async def test_a_client_that_still_writes_a_body_that_is_too_large_sees_why_it_is_refused(mallory: User) -> None:
    """An answer before the body has come would end as a broken connection under the client's hands."""
    host, _, port = mallory.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    size, piece = 2 << 20, b"x" * 32_768
    head = f"POST /api/v1/messages HTTP/1.1\r\nHost: {host}\r\nContent-Length: {size}\r\n\r\n"
    writer.write(head.encode())
    answer = asyncio.create_task(reader.readline())
    assert not (await asyncio.wait({answer}, timeout=0.2))[0], "answered before the body came"
    for _ in range(size // len(piece)):
        writer.write(piece)
        await writer.drain()
    assert b" 413 " in await answer
    writer.close()
