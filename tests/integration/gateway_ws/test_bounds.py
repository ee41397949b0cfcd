"""Bounds: what a slow, silent, hasty or outdated client costs, and whom."""

from __future__ import annotations

import asyncio
import json
import socket
import unicodedata

import pytest

from resonance.domain.errors import Code
from resonance.domain.ids import MAX_CONVERSATION_ID
from resonance.gateway.ws import hub as hub_module
from resonance.services.link import Push, PushBatch
from tests.integration.gateway_ws import wire
from tests.integration.gateway_ws.conftest import Dial, Gateway, GatewayFactory, entry

BINARY, PING, PONG = 2, 9, 10
PULSE = wire.blob(wire.PULSE, b"")


async def unread(gateway: Gateway, user: str) -> wire.RawClient:
    """Connect a client that reads its Ready and then nothing, with small buffers in the kernel."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", gateway.port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
    client = wire.RawClient(reader, writer)
    client.send(wire.upgrade(f"/ws?token=good-{user}"))
    await client.response()
    await client.frame()
    return client


def flood(gateway: Gateway, users: list[str], first: int, count: int) -> None:
    """Push entries of 10 KiB."""
    for seq in range(first, first + count):
        gateway.hub.push(PushBatch(0, [Push([entry(seq, content="x" * 10_240)], users, [0])], []))


async def test_a_client_that_never_reads_is_cut_with_a_code(start: GatewayFactory, dial: Dial) -> None:
    gateway = await start(high_water=1 << 20, low_water=65_536)
    slow, other = await unread(gateway, "slow"), await dial(gateway, "other")
    got = 0
    for round_ in range(100):
        flood(gateway, ["slow", "other"], 1 + 10 * round_, 10)
        for _ in range(10):
            got += wire.packet(await other.recv())[0] == wire.PUSH
        if not gateway.uplink.closed.empty():
            break
    assert await gateway.uplink.closed.get() == 1
    assert got == 10 * (round_ + 1)
    assert await slow.close_code() == 4001
    await slow.close()


async def test_a_client_that_pauses_below_the_mark_gets_everything_in_order(start: GatewayFactory) -> None:
    gateway = await start(high_water=16 << 20, low_water=4096)
    slow = await unread(gateway, "slow")
    flood(gateway, ["slow"], 1, 400)  # 4 MiB: more than the kernel takes
    await asyncio.sleep(0)
    flood(gateway, ["slow"], 401, 10)
    seqs = [wire.packet((await slow.frame())[1])[1][2] for _ in range(410)]
    assert seqs == list(range(1, 411))
    await slow.close()


async def test_pings_of_a_client_that_does_not_read_get_one_pong_when_it_does(start: GatewayFactory) -> None:
    gateway = await start(high_water=16 << 20, low_water=4096)
    slow = await unread(gateway, "slow")
    flood(gateway, ["slow"], 1, 401)
    await slow.frame()  # the others are on their way, too
    slow.send(wire.masked(PING, b"x" * 100) * 1000)
    slow.send(wire.masked(BINARY, wire.chat("1", "c", "x")))
    await gateway.uplink.items.get()  # all pings are read by now
    frames = [await slow.frame() for _ in range(401)]
    assert [payload for opcode, payload in frames if opcode == PONG] == [b"x" * 100]
    slow.send(wire.masked(BINARY, PULSE))
    assert await slow.frame() == (BINARY, b"\x52\x00")
    await slow.close()


async def test_a_full_window_stops_the_reading_until_answers_come(start: GatewayFactory, dial: Dial) -> None:
    gateway = await start(in_flight=4)
    client, other = await dial(gateway, "ann", "&dialect=json"), await dial(gateway, "bob")
    for number in range(200):
        await client.send(wire.json_chat(str(number), "c", "x"))
    items = [await gateway.uplink.items.get() for _ in range(4)]
    await other.send(PULSE)
    assert await other.recv() == b"\x52\x00"
    assert gateway.uplink.items.empty()
    for number in range(200):
        gateway.answer(items[number], seq=number + 1)
        assert json.loads(await client.recv())["ack"]["refSeq"] == str(number)
        if number < 196:
            items.append(await gateway.uplink.items.get())
            assert gateway.uplink.items.empty()


async def test_a_full_window_does_not_count_as_silence(start: GatewayFactory, dial: Dial) -> None:
    gateway = await start(in_flight=1, ping_interval=0.05, pong_timeout=0.1)
    client, silent = await dial(gateway, "ann"), await wire.RawClient.connect(gateway.port)
    await client.send(wire.chat("1", "c", "x"))
    item = await gateway.uplink.items.get()
    silent.send(wire.upgrade("/ws?token=good-bob"))
    await silent.response()
    assert await silent.close_code() == 4002  # later than ann's time-out
    gateway.answer(item, seq=1)
    assert wire.packet(await client.recv())[0] == wire.ACK
    await silent.close()


async def test_a_silent_client_is_pinged_then_cut(start: GatewayFactory) -> None:
    gateway = await start(ping_interval=0.05, pong_timeout=0.3)
    silent = await wire.RawClient.connect(gateway.port)
    silent.send(wire.upgrade("/ws?token=good-ann"))
    await silent.response()
    await silent.frame()
    assert (await silent.frame())[0] == PING
    assert await silent.close_code() == 4002
    assert await gateway.uplink.closed.get() == 1
    await silent.close()


async def test_a_client_that_answers_pings_stays(start: GatewayFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock of the test's own: on a busy machine an answer may come later than any time-out that is short."""
    monkeypatch.setattr(hub_module, "PING_SPREAD", 0.0)
    gateway = await start(ping_interval=10, pong_timeout=30)
    polite, silent = await wire.RawClient.connect(gateway.port), await wire.RawClient.connect(gateway.port)
    for client, name in ((polite, "ann"), (silent, "bob")):
        client.send(wire.upgrade(f"/ws?token=good-{name}"))
        await client.response()
        await client.frame()
    hub = gateway.hub
    hub._wheel.stop()
    first, second = (hub._registry.by_user[name][0] for name in ("ann", "bob"))
    for _ in range(2):
        hub.now += 14
        for connection in (first, second):
            hub._look_after(connection)
        assert (await polite.frame())[0] == PING
        polite.send(wire.masked(PONG, b""))
        polite.send(wire.masked(BINARY, PULSE))
        assert await polite.frame() == (BINARY, b"\x52\x00")
    hub.now += 14
    for connection in (first, second):
        hub._look_after(connection)
    assert await silent.close_code() == 4002
    assert (await polite.frame())[0] == PING
    for client in (polite, silent):
        await client.close()


async def test_a_connection_ends_with_its_token(start: GatewayFactory, dial: Dial) -> None:
    gateway = await start(ping_interval=1, pong_timeout=2)
    client, other = await dial(gateway, "ann-0.3"), await dial(gateway, "bob")
    await client.wait_closed()
    assert client.close_code == 4501
    await other.send(PULSE)
    assert await other.recv() == b"\x52\x00"


async def test_too_many_packets_are_refused_one_by_one(start: GatewayFactory, dial: Dial) -> None:
    gateway = await start(packets_per_second=0.1)
    client, other = await dial(gateway, "ann", "&dialect=json"), await dial(gateway, "bob")
    await client.send('{"pulse":{}}')
    await client.send(wire.json_chat("1", "c", "x", clientMsgId="k"))
    await client.send('{"seq":"2","read":{"sessionId":"c"}}')
    assert json.loads(await client.recv()) == {"pulse": {}}
    ack = json.loads(await client.recv())["ack"]
    assert (ack["refSeq"], ack["code"], ack["retry"]) == ("1", "rate_limited", True)
    fault = json.loads(await client.recv())["fault"]
    assert (fault["refSeq"], fault["code"]) == ("2", "rate_limited")
    assert gateway.uplink.items.empty()
    assert gateway.uplink.late == [(1, "ann", "k", "c", "", Code.RATE_LIMITED)], "what follows must not overtake it"
    await other.send(PULSE)
    assert await other.recv() == b"\x52\x00"


async def test_what_no_conversation_can_be_called_is_kept_nowhere(start: GatewayFactory, dial: Dial) -> None:
    """What a gateway remembers by conversation is bounded in number, so it has to be in length."""
    gateway = await start(packets_per_second=0.1)
    client = await dial(gateway, "ann", "&dialect=json")
    for number in range(2):
        name = "c" * (MAX_CONVERSATION_ID + 1)
        await client.send(wire.json_chat(f"{number}", name, "x", clientMsgId=f"k{number}"))
    codes = [json.loads(await client.recv())["ack"]["code"] for _ in range(2)]
    assert codes == ["conversation_not_found", "rate_limited"]
    assert gateway.uplink.items.empty()
    assert gateway.uplink.late == []


async def test_a_recipient_has_one_name(start: GatewayFactory, dial: Dial) -> None:
    """Or two messages to one conversation might go to two logics at once."""
    gateway = await start()
    client = await dial(gateway, "ann", "&dialect=json")
    await client.send(wire.json_chat("1", "", "x", toUsername=unicodedata.normalize("NFD", "josé")))
    assert (await gateway.uplink.items.get()).to_user == unicodedata.normalize("NFC", "josé")


async def test_requests_count_for_the_window_too(start: GatewayFactory, dial: Dial) -> None:
    gateway = await start(in_flight=2)
    client = await dial(gateway, "ann")
    gateway.messages.gate.clear()
    for seq in ("1", "2", "3"):
        await client.send(wire.blob(1, seq) + wire.blob(wire.READ, wire.blob(1, "c")))
    await client.send(wire.chat("4", "c", "x"))
    await gateway.messages.calls.get()
    await gateway.messages.calls.get()
    other = await dial(gateway, "bob")
    await other.send(PULSE)
    await other.recv()
    assert gateway.messages.calls.empty()
    gateway.messages.gate.set()
    assert (await gateway.uplink.items.get()).content == "x"
