"""What an operator does to a server: stop, start, back up, restore, measure, follow a request."""

from __future__ import annotations

import asyncio
import http.client
import secrets
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.clients import WAIT_S, HttpError, Socket, User, call, fetch, people
from tests.e2e.servers import Deployment, Process
from tests.faults.talkers import stored

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENVIRONMENT = {"RESONANCE_RPC__DEADLINE": "3"}
RETRY_S = 0.1
SERVE = pytest.mark.parametrize("deployment", ["serve"], indirect=True)
SPLIT = pytest.mark.parametrize("deployment", ["split"], indirect=True)

GATEWAY_METRICS = [
    "gateway_websocket_connections_active",
    "gateway_websocket_connections_total",
    "gateway_messages_pulse_total",
    "gateway_messages_received_total",
    "gateway_messages_sent_total",
    "gateway_push_duration_seconds",
    "gateway_push_failed_total",
    "gateway_http_requests_total",
    "gateway_http_request_duration_seconds",
    "gateway_http_errors_total",
    "gateway_grpc_requests_total",
    "gateway_grpc_request_duration_seconds",
    "gateway_grpc_errors_total",
]
"""Seed 001's thirteen."""


async def test_the_metrics_tell_of_the_traffic(deployment: Deployment) -> None:
    """The first test of its server: the counters begin at zero."""
    front, logic = deployment.front, deployment.logic
    ann, bob = await people(deployment.url, "ann", "bob")
    at_ann, at_bob = await Socket.open(ann), await Socket.open(bob)
    for number in range(10):
        await at_ann.chat("", f"{number}", f"{number}", toUsername=bob.name)
    await at_bob.wait(lambda packet: "push" in packet, count=10)

    page = await front.wait_metrics(lambda samples: samples["gateway_messages_received_total"] == 10)
    assert page["gateway_websocket_connections_active"] == 2
    assert page["gateway_websocket_connections_total"] == 2
    assert page["gateway_messages_pulse_total"] == 2  # each client's first packet
    assert page["gateway_messages_sent_total"] == 10
    assert 1 <= page["gateway_push_duration_seconds_count"] <= 20
    assert 0 < page["gateway_push_duration_seconds_sum"] < 10
    assert page["gateway_uplink_unanswered"] == 0
    registered = 'gateway_http_requests_total{method="POST",route="/api/v1/auth/register",status="200"}'
    assert page[registered] == 2
    assert (await logic.metrics())['logic_messages_total{outcome="stored"}'] >= 10
    _, text = await fetch(front.addresses["metrics"])
    assert set(GATEWAY_METRICS) <= {line.split()[2] for line in text.splitlines() if line.startswith("# HELP")}
    await at_ann.close()
    await at_bob.close()
    await front.wait_metrics(lambda samples: samples["gateway_websocket_connections_active"] == 0)


async def talk(socket: Socket, conversation: str) -> dict[str, int]:
    """Send as fast as acks come until the connection ends; return the acked seqs by key."""
    acked: dict[str, int] = {}
    while True:
        key = f"{socket.user.name}-{len(acked)}"
        try:
            ack = await socket.chat(conversation, f"text of {key}", key)
        except Exception:
            return acked
        if not ack.get("code"):
            acked[key] = int(ack["seqId"])


async def test_a_stop_under_load_sends_clients_away_and_loses_nothing(deployment: Deployment) -> None:
    ann, bob = await people(deployment.url, "ann", "bob")
    conversation = (await ann.post("/conversations", user_id=bob.name))["conversation_id"]
    sockets = [await Socket.open(user, binary=user is ann) for user in (ann, bob)]
    talking = [asyncio.create_task(talk(socket, conversation)) for socket in sockets]
    await sockets[0].wait(lambda packet: "push" in packet, count=20)
    await sockets[1].wait(lambda packet: "push" in packet, count=20)

    assert await deployment.front.stop() == 0
    for socket in sockets:
        assert await socket.wait_closed() == 1012
        [away] = [packet for packet in socket.received if "goingAway" in packet]
        assert away["goingAway"]["jitterMs"] >= 1000
    acked = {key: seq for one in await asyncio.gather(*talking) for key, seq in one.items()}
    assert len(acked) >= 40
    for role, process in reversed(deployment.processes.items()):
        if process is not deployment.front:
            assert await process.stop() == 0, role
    by_key = {key: seq for seq, _, key, _ in stored(deployment.database, conversation)}
    assert {key: by_key.get(key) for key in acked} == acked

    begun = time.monotonic()
    await deployment.start()
    print(f"{deployment.topology}: ready after {time.monotonic() - begun:.1f} s")
    assert (await ann.get("/users/me"))["id"] == ann.name  # tokens outlive a restart
    again = await Socket.open(bob)
    ack = await again.chat(conversation, "and on it goes", "after")
    assert int(ack["seqId"]) == len(by_key) + 1
    page = await ann.get(f"/conversations/{conversation}/messages?limit=1")
    assert page["messages"][0]["content"] == "and on it goes"
    await again.close()


async def silent_connection(user: User) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a WebSocket by hand that will answer nothing, not even a close."""
    port = int(user.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /ws?token={user.token} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    return reader, writer


@SERVE
async def test_while_it_drains_a_server_is_not_ready(deployment: Deployment) -> None:
    [ann] = await people(deployment.url, "ann")
    _, writer = await silent_connection(ann)  # keeps the drain from ending at once
    front = deployment.front
    kept = http.client.HTTPConnection(deployment.url.removeprefix("http://"), timeout=10)

    def readyz() -> tuple[int, bytes]:
        kept.request("GET", "/readyz")
        answer = kept.getresponse()
        return answer.status, answer.read()

    assert (await asyncio.to_thread(readyz))[0] == 200
    metrics_readyz = front.addresses["metrics"].replace("/metrics", "/readyz")
    assert (await fetch(metrics_readyz))[0] == 200
    front.send_signal(signal.SIGTERM)
    await front.wait_log(lambda entry: entry.get("event") == "stopping")
    status, body = await asyncio.to_thread(readyz)
    assert status == 503
    assert b"stopping" in body
    assert (await fetch(metrics_readyz))[0] == 503
    kept.close()
    assert await front.wait_exit() == 0
    writer.close()
    await front.start()


async def test_a_second_server_on_the_same_data_is_refused(deployment: Deployment) -> None:
    second = Process("serve", deployment.folder, deployment.environment)
    await second.start(wait=False)
    assert await second.wait_exit() == 1
    said = " ".join(str(entry.get("event")) for entry in second.log)
    assert "resonance.db" in said
    assert "Traceback" not in said
    [ann] = await people(deployment.url, "ann")  # the first one goes on
    await (await Socket.open(ann)).close()


@SERVE
async def test_a_restored_backup_is_a_new_store_to_clients(deployment: Deployment) -> None:
    backup = str(deployment.folder / "backup.db")
    ann, bob = await people(deployment.url, "ann", "bob")
    first = await ann.post("/messages", to_user=bob.name, content="before", client_msg_id="k1")
    talking = await Socket.open(ann)
    load = asyncio.create_task(talk(talking, first["conversation_id"]))
    await talking.wait(lambda packet: "ack" in packet, count=10)
    code, said = await deployment.command("backup", backup)
    assert code == 0, said
    await ann.post("/messages", to_user=bob.name, content="after", client_msg_id="k2")
    token = (await bob.get("/sync"))["token"]
    epoch = talking.received[0]["ready"]["storeEpoch"]
    assert not (await bob.get(f"/sync?token={token}"))["full"]

    code, said = await deployment.command("restore", "--force", backup)
    assert code == 1, "a running server's database was replaced"
    assert await deployment.front.stop() == 0
    await load
    code, said = await deployment.command("restore", "--force", backup)
    assert code == 0, said
    await deployment.start()

    page = await bob.get(f"/sync?token={token}")
    assert page["full"]
    [view] = page["conversations"]
    assert view["visible_seq"] >= 10
    end = view["visible_seq"]
    newest = (await bob.get(f"/conversations/{view['conversation_id']}/messages?limit=100"))["messages"]
    assert [message["seq"] for message in newest] == list(range(max(1, end - 99), end + 1))
    assert "after" not in [message["content"] for message in newest]
    socket = await Socket.open(bob)
    assert socket.received[0]["ready"]["storeEpoch"] not in ("", epoch)
    await socket.close()
    await talking.close()


# ---------------------------------------------------------------- between roles


async def answered(user: User, path: str) -> None:
    """Wait until a request is done again: roles find a restarted one after a moment, and say "retry" until then."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                await user.get(path)
            except HttpError as refused:
                if not refused.problem["retry"]:
                    raise
                await asyncio.sleep(RETRY_S)
            else:
                return


@SPLIT
async def test_calls_between_roles_are_counted(deployment: Deployment) -> None:
    name = 'gateway_grpc_requests_total{code="ok",method="/resonance.accounts.v1.AccountsService/Register"}'
    before = (await deployment.logic.metrics())[name]
    await people(deployment.url, "ann", "bob")
    assert (await deployment.logic.metrics())[name] == before + 2


@SPLIT
@pytest.mark.parametrize("header", ["X-Trace-Id", "traceparent"])
async def test_a_failing_request_can_be_followed_through_the_roles(deployment: Deployment, header: str) -> None:
    [ann] = await people(deployment.url, "ann")
    trace = secrets.token_hex(16)
    given = trace if header == "X-Trace-Id" else f"00-{trace}-{secrets.token_hex(8)}-01"
    await deployment.writer.kill()
    with pytest.raises(HttpError) as refused:
        await call(deployment.url, "GET", "/api/v1/users/search?q=anybody", token=ann.token, headers={header: given})
    await deployment.writer.start()
    await answered(ann, "/users/me")
    problem = refused.value.problem
    assert (refused.value.status, problem["code"], problem["retry"]) == (503, "unavailable", True)
    assert problem["trace_id"] == trace
    assert refused.value.headers["x-trace-id"] == trace
    at_gateway = await deployment.front.wait_log(lambda entry: entry.get("trace_id") == trace)
    assert (at_gateway["role"], at_gateway["status"]) == ("gateway", 503)
    at_logic = await deployment.logic.wait_log(lambda entry: entry.get("trace_id") == trace)
    assert (at_logic["role"], at_logic["event"]) == ("logic", "a call was not answered")  # by repo


@pytest.mark.parametrize("role", ["logic", "task"])
async def test_a_role_that_waits_for_others_ends_at_the_first_signal(role: str, tmp_path: Path) -> None:
    waiting = Deployment("split", tmp_path).processes[role]
    await waiting.start(wait=False)
    try:
        await waiting.wait_log(lambda entry: entry["event"] == "waiting for repo")
        assert await waiting.stop() == 0
    finally:
        await waiting.kill()
    assert [entry["event"] for entry in waiting.log[-2:]] == ["stopping before all was started", "stopped"]
