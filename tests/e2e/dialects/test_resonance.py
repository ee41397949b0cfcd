"""Resonance's clients: the scenarios of every dialect, and what only Resonance has."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import ClassVar

import grpc.aio
import pytest
from google.protobuf.unknown_fields import UnknownFieldSet

from tests.e2e.dialects.client import WAIT_S, Client, Refused
from tests.e2e.dialects.http import request
from tests.e2e.dialects.resonance_client import PACKAGE, ResonanceClient, connect_call
from tests.e2e.dialects.resonance_messages import CLASSES, make
from tests.e2e.dialects.scenarios import OVERFLOW, Scenarios, clients
from tests.e2e.servers import Deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENVIRONMENT = {"RESONANCE_DIALECTS__GRPC_LISTEN": "127.0.0.1:0", **OVERFLOW}


class TestScenarios(Scenarios):
    """All of them."""

    kind: ClassVar[type[Client]] = ResonanceClient


async def pair(deployment: Deployment) -> tuple[ResonanceClient, ResonanceClient]:
    """Return two connected clients."""
    ann, bob = await clients(ResonanceClient, deployment.url, "ann", "bob")
    return ann, bob


async def test_only_packets_of_the_seed_are_sent(deployment: Deployment) -> None:
    ann, bob = await pair(deployment)
    conversation = await ann.open_single(bob.name)
    sent = await ann.send(conversation, "hello")
    told = await bob.wait_content("hello")
    assert (sent.conversation, sent.message_id, sent.seq) == (conversation, told.message_id, told.seq)
    await bob.send_packet(seq="p", pulse=make("Pulse"))
    await bob.send_packet(seq="ack-1", ack=make("Ack", ref_seq="1"))  # its client acks pushes; nobody answers
    await bob.send(conversation, "back")
    kinds = [[field.name for field, _ in packet.ListFields() if field.name != "seq"] for packet in bob.packets]
    assert kinds == [["push"], ["pulse"], ["ack"]]
    messages = [message for packet in bob.packets for message in (packet, packet.push, packet.ack)]
    assert [len(UnknownFieldSet(message)) for message in messages] == [0] * len(messages)


async def test_json_and_protobuf_say_the_same(deployment: Deployment) -> None:
    name = f"ann{secrets.token_hex(3)}"
    answer = await connect_call(
        deployment.url, "AuthService/Register", as_json=True, username=name, password="correct horse", nickname="Ann"
    )
    assert (answer.user.username, answer.user.nickname) == (name, "Ann")
    lists = [
        await connect_call(deployment.url, "SessionService/GetSessionList", answer.access_token, as_json=as_json)
        for as_json in (True, False)
    ]
    assert lists[0] == lists[1]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "code"),
    [
        ("AuthService/Login", b"{", {"Content-Type": "application/json"}, 400, "invalid_argument"),
        ("AuthService/Login", b"\xff", {"Content-Type": "application/proto"}, 400, "invalid_argument"),
        ("AuthService/Login", b"{}", {"Content-Type": "text/plain"}, 415, "invalid_argument"),
        ("AuthService/Nothing", b"{}", {"Content-Type": "application/json"}, 404, "unimplemented"),
        ("SessionService/GetSessionList", b"{}", {"Content-Type": "application/json"}, 401, "unauthenticated"),
    ],
)
async def test_refusals_are_connect_errors(
    deployment: Deployment, path: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    response = await request(deployment.url, "POST", f"{PACKAGE}.{path}", body, headers)
    error = json.loads(response.body)
    assert (response.status, error["code"]) == (status, code)
    assert error["message"]


@pytest.mark.parametrize(
    ("header", "value", "status", "code"),
    [
        ("Connect-Timeout-Ms", "0", 504, "deadline_exceeded"),
        ("Connect-Timeout-Ms", "soon", 400, "invalid_argument"),
        ("Connect-Timeout-Ms", "12345678901", 400, "invalid_argument"),
        ("Connect-Protocol-Version", "2", 400, "invalid_argument"),
        ("Content-Encoding", "gzip", 415, "invalid_argument"),
    ],
)
async def test_what_callers_say_about_a_call_counts(
    deployment: Deployment, header: str, value: str, status: int, code: str
) -> None:
    body = json.dumps({"username": "nobody", "password": "correct horse"}).encode()
    headers = {"Content-Type": "application/json", header: value}
    response = await request(deployment.url, "POST", f"{PACKAGE}.AuthService/Login", body, headers)
    assert (response.status, json.loads(response.body)["code"]) == (status, code)


@pytest.mark.parametrize(("announced", "sent"), [(200, 100), (50, 100), (0, 100), (1 << 40, 100)])
async def test_a_body_of_another_length_than_announced_costs_one_connection(
    deployment: Deployment, announced: int, sent: int
) -> None:
    host, port = deployment.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {PACKAGE}.AuthService/Login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {announced}\r\n\r\n".encode() + b"{" + b" " * (sent - 1))
    writer.write_eof()
    async with asyncio.timeout(WAIT_S):
        answer = await reader.read()
    writer.close()
    assert not answer or 400 <= int(answer.split()[1]) < 500
    await ResonanceClient.register(deployment.url, f"ann{secrets.token_hex(3)}")


async def test_a_procedure_is_a_post(deployment: Deployment) -> None:
    response = await request(deployment.url, "GET", f"{PACKAGE}.AuthService/Login")
    assert (response.status, response.headers["allow"]) == (405, "POST")
    assert json.loads(response.body)["code"] == "unimplemented"


async def test_services_and_users_send_by_grpc(deployment: Deployment) -> None:
    ann, bob = await pair(deployment)
    conversation = await ann.open_single(bob.name)
    address = deployment.logic.addresses["grpc" if deployment.topology == "serve" else "logic"]
    wish = make("SendMessageRequest", session_id=conversation, from_username=ann.name, content="by a service")
    async with grpc.aio.insecure_channel(address) as channel:
        unary = channel.unary_unary(
            "/resonance.logic.v1.ChatService/SendMessage",
            CLASSES["SendMessageRequest"].SerializeToString,
            CLASSES["SendMessageResponse"].FromString,
        )
        answer = await unary(wish)
        pushed = await bob.wait_content("by a service")
        assert (pushed.message_id, pushed.seq, pushed.sender) == (answer.msg_id, answer.seq_id, ann.name)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await unary(wish, metadata=(("authorization", f"Bearer {bob.token}"),))
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
        stream = channel.stream_stream(
            "/resonance.logic.v1.ChatService/SendMessage",
            CLASSES["SendMessageRequest"].SerializeToString,
            CLASSES["SendMessageResponse"].FromString,
        )
        wishes = [make("SendMessageRequest", session_id=conversation, content=f"stream {n}") for n in range(3)]
        call = stream(iter(wishes), metadata=(("authorization", f"Bearer {bob.token}"),))
        assert [answer.seq_id async for answer in call] == [2, 3, 4]


async def test_a_refused_message_says_why(deployment: Deployment) -> None:
    ann, bob = await pair(deployment)
    (eve,) = await clients(ResonanceClient, deployment.url, "eve")
    group = await ann.create_group("trip", [bob.name])
    with pytest.raises(Refused) as refused:
        await eve.send(group, "hi")
    assert refused.value.code == "not a session member"
