"""Limits that real traffic seldom meets, made small, and the listener's life."""

from __future__ import annotations

import asyncio
import json

import pytest
from prometheus_client import REGISTRY

from resonance.config.settings import HttpLimits, Service, WsConfig
from resonance.gateway.server import GatewayServer
from resonance.gateway.ws import bridge, executor, fanout, handshake, hub
from resonance.gateway.ws.doors import Doors
from tests.integration.gateway_ws import wire
from tests.integration.gateway_ws.conftest import Dial, Gateway, GatewayFactory, app, authenticate

PULSE = wire.blob(wire.PULSE, b"")


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_pushes_beyond_the_backlog_become_a_hint_to_sync(
    gateway: Gateway, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "BACKLOG", 1000)
    client = await dial(gateway, "ann")
    failed = count("gateway_push_failed_total")
    gateway.push([f"u{i}" for i in range(1200)], 1)
    gateway.push([*(f"u{i}" for i in range(100)), "ann"], 2)
    kind, _ = wire.packet(await client.recv())
    assert kind == wire.SYNC_HINT
    assert count("gateway_push_failed_total") - failed >= 1200
    gateway.push(["ann"], 3)
    assert wire.packet(await client.recv())[1][2] == 3


async def test_order_is_remembered_for_a_bounded_number_of_conversations(
    gateway: Gateway, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "ORDERED_CONVERSATIONS", 2)
    client = await dial(gateway, "ann")
    for conversation, seq in [("a", 5), ("b", 5), ("a", 6), ("c", 5), ("a", 5), ("b", 4)]:
        gateway.push(["ann"], seq, conversation=conversation)
    got = [wire.packet(await client.recv())[1] for _ in range(5)]
    # "a" was used last and is remembered; "b" made room for "c"
    assert [(push[3], push[2]) for push in got] == [(b"a", 5), (b"b", 5), (b"a", 6), (b"c", 5), (b"b", 4)]


async def test_requests_under_way_are_limited_for_all_together(
    gateway: Gateway, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "REQUESTS", 1)
    gateway.messages.gate.clear()
    ann, bob = await dial(gateway, "ann"), await dial(gateway, "bob", "&dialect=json")
    await ann.send(wire.blob(1, "1") + wire.blob(wire.READ, wire.blob(1, "c")))
    await gateway.messages.calls.get()
    await bob.send('{"seq":"2","read":{"sessionId":"c"}}')
    fault = json.loads(await bob.recv())["fault"]
    assert (fault["refSeq"], fault["code"], fault["retry"]) == ("2", "busy", True)
    gateway.messages.gate.set()
    assert wire.packet(await ann.recv())[0] == wire.READ_ACK
    await bob.send('{"seq":"3","read":{"sessionId":"c"}}')
    assert json.loads(await bob.recv())["readAck"]["refSeq"] == "3"


async def test_headers_that_take_too_long_are_not_waited_for(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "HEAD_TIMEOUT_S", 0.05)
    silent, slow = await wire.RawClient.connect(gateway.port), await wire.RawClient.connect(gateway.port)
    slow.send(wire.upgrade("/ws?token=good-ann")[:-2])
    assert await silent.reader.read() == b""
    assert await slow.reader.read() == b""


async def test_a_handshake_that_takes_too_long_is_refused(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "TIMEOUT_S", 0.05)
    gateway.uplink.gate.clear()
    client = await wire.RawClient.connect(gateway.port)
    client.send(wire.upgrade("/ws?token=good-ann"))
    response = await client.response()
    assert (response.status, response.problem["code"]) == (503, "unavailable")
    assert await gateway.uplink.closed.get() == 1


async def test_a_client_that_does_not_answer_our_close_is_cut(
    start: GatewayFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "LINGER_S", 0.05)
    gateway = await start(max_connections=1)
    client = await wire.RawClient.connect(gateway.port)
    client.send(wire.upgrade("/ws?token=good-ann-0.01"))
    await client.response()
    assert await client.close_code() == 4501
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await client.frame()
    again = await wire.RawClient.connect(gateway.port)
    again.send(wire.upgrade("/ws?token=good-ann"))
    assert (await again.response()).status == 101


async def test_stopping_does_not_wait_longer_than_it_may(gateway: Gateway, dial: Dial) -> None:
    client = await dial(gateway, "ann")
    await client.send(wire.chat("1", "c", "never answered"))
    await gateway.uplink.items.get()
    gateway.uplink.gate.clear()
    waiting = await wire.RawClient.connect(gateway.port)
    waiting.send(wire.upgrade("/ws?token=good-bob"))
    while (await gateway.uplink.opened.get()).user_id != "bob":
        continue
    async with asyncio.timeout(5):
        await gateway.server.join(0.1)
    assert gateway.uplink.live == {}


async def test_a_taken_port_is_an_error_and_reuse_port_shares_it(gateway: Gateway) -> None:
    def another(*, reuse_port: bool, port: int) -> GatewayServer:
        service = Service(http_port=port, reuse_port=reuse_port)
        return GatewayServer(
            app, gateway.hub, gateway.uplink, authenticate, service, WsConfig(), HttpLimits(), Doors(())
        )

    with pytest.raises(OSError, match="in use"):
        await another(reuse_port=False, port=gateway.port).start()
    first = another(reuse_port=True, port=0)
    await first.start()
    second = another(reuse_port=True, port=first.port)
    await second.start()
    assert first.port == second.port
    await first.terminate()
    await second.terminate()


async def test_connections_and_refusals_are_counted(gateway: Gateway, dial: Dial) -> None:
    opened, refused = count("gateway_websocket_connections_total"), {"reason": "not_found"}
    before = count("gateway_connections_refused_total", **refused)
    sent = count("gateway_messages_sent_total")
    client = await dial(gateway, "ann")
    gateway.push(["ann"], 1, 2)
    await client.recv()
    stranger = await wire.RawClient.connect(gateway.port)
    stranger.send(wire.upgrade("/nowhere"))
    await stranger.response()
    assert count("gateway_websocket_connections_total") == opened + 1
    assert count("gateway_connections_refused_total", **refused) == before + 1
    assert count("gateway_messages_sent_total") == sent + 2
    received, pulses = count("gateway_messages_received_total"), count("gateway_messages_pulse_total")
    await client.send(wire.chat("1", "c", "x"))
    await client.send(PULSE)
    await gateway.uplink.items.get()
    while (await client.recv()) != b"\x52\x00":
        continue
    await gateway.server.terminate()
    assert count("gateway_messages_received_total") == received + 1
    assert count("gateway_messages_pulse_total") == pulses + 1
