"""The usual path: ready, messages, acks, pushes, reads, typing, in both codecs."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from resonance.domain.closes import Close
from resonance.domain.errors import Code, ServiceError
from resonance.domain.signals import Typing
from resonance.services.link import PushBatch, RouteRefusal, SignalPush
from tests.integration.gateway_ws import wire
from tests.integration.gateway_ws.conftest import Dial, Gateway, GatewayFactory


async def test_ready_is_the_first_packet(gateway: Gateway) -> None:
    async with connect(gateway.url("?token=good-ann")) as client:
        kind, ready = wire.packet(await client.recv())
    assert kind == wire.READY
    assert (ready[1], ready[2], ready[4]) == (b"gw-1.7.1", b"ann", b"store-1")
    assert (ready[5], ready[6], ready[7]) == (30, 256, 1_048_576)


async def test_a_binary_message_is_submitted_and_acked(gateway: Gateway, dial: Dial) -> None:
    client = await dial(gateway, "ann")
    await client.send(wire.chat("m-1", "c", "hello", key="k-1"))
    item = await gateway.uplink.items.get()
    assert item[1:9] == (1, "ann", "k-1", "c", "", 1, "hello", "")
    assert len(item.trace) == 32
    gateway.answer(item, seq=4)
    kind, ack = wire.packet(await client.recv())
    assert kind == wire.ACK
    assert (ack[1], ack[2], ack[3], ack[4], ack[20], ack[23]) == (b"m-1", 1004, 4, b"c", b"k-1", 1_700_000_000_123)


async def test_a_json_client_talks_json(gateway: Gateway, dial: Dial) -> None:
    client = await dial(gateway, "ann")
    await client.send(wire.json_chat("m-1", "c", "hello", type="image", clientMsgId="k"))
    item = await gateway.uplink.items.get()
    assert (item.kind, item.content) == (2, "hello")
    gateway.answer(item, seq=4)
    assert json.loads(await client.recv())["ack"]["refSeq"] == "m-1"
    gateway.push(["ann"], 5)
    push = json.loads(await client.recv())["push"]
    assert (push["seqId"], push["type"], push["timeMs"]) == ("5", "text", "1700000000123")


async def test_a_client_that_names_json_gets_even_ready_as_json(gateway: Gateway) -> None:
    async with connect(gateway.url("?token=good-ann&dialect=json")) as client:
        assert json.loads(await client.recv())["ready"]["userId"] == "ann"


async def test_messages_without_a_key_get_one_that_no_client_can_have(gateway: Gateway, dial: Dial) -> None:
    client = await dial(gateway, "ann")
    await client.send(wire.chat("1", "c", "x"))
    await client.send(wire.chat("2", "c", "x"))
    keys = [(await gateway.uplink.items.get()).client_msg_id for _ in range(2)]
    assert keys == ["~gw-1.7.1.1", "~gw-1.7.1.2"]


async def test_a_refused_message_says_why(gateway: Gateway, dial: Dial) -> None:
    client = await dial(gateway, "ann", "&dialect=json")
    await client.send(wire.json_chat("1", "c", "x", clientMsgId="k"))
    gateway.answer(await gateway.uplink.items.get(), seq=0, code="muted", error="you are muted")
    ack = json.loads(await client.recv())["ack"]
    assert (ack["code"], ack["error"], "retry" in ack, ack["clientMsgId"]) == ("muted", "you are muted", False, "k")


async def test_a_full_pipeline_is_a_retryable_ack(gateway: Gateway, dial: Dial) -> None:
    client = await dial(gateway, "ann", "&dialect=json")
    gateway.uplink.busy = True
    await client.send(wire.json_chat("1", "c", "x"))
    ack = json.loads(await client.recv())["ack"]
    assert (ack["refSeq"], ack["code"], ack["retry"]) == ("1", "busy", True)


async def test_a_pulse_is_answered_as_seed_001_does(gateway: Gateway, dial: Dial) -> None:
    client = await dial(gateway, "ann")
    await client.send(wire.blob(1, "p-1") + wire.blob(wire.PULSE, b""))
    assert await client.recv() == b"\x52\x00"


async def test_a_clients_ack_of_a_push_means_nothing(gateway: Gateway, dial: Dial) -> None:
    client = await dial(gateway, "ann")
    await client.send(wire.blob(1, "ack-9") + wire.blob(wire.ACK, b""))
    await client.send(wire.blob(wire.PULSE, b""))
    assert await client.recv() == b"\x52\x00"


async def test_a_read_is_acked(gateway: Gateway, dial: Dial) -> None:
    client = await dial(gateway, "ann")
    await client.send(wire.blob(1, "r-1") + wire.blob(wire.READ, wire.blob(1, "c") + wire.number(2, 5)))
    assert await gateway.messages.calls.get() == ("ann", "c", 5)
    kind, ack = wire.packet(await client.recv())
    assert kind == wire.READ_ACK
    assert ack == {1: b"r-1", 2: b"c", 3: 5, 4: 4}


@pytest.mark.parametrize(
    ("error", "code"),
    [(ServiceError(Code.NOT_MEMBER, "no", field="session_id"), "not_member"), (RuntimeError("a bug"), "internal")],
)
async def test_a_read_that_fails_is_a_fault(gateway: Gateway, dial: Dial, error: Exception, code: str) -> None:
    client = await dial(gateway, "ann", "&dialect=json")
    gateway.messages.error = error
    await client.send('{"seq":"r-1","read":{"sessionId":"c"}}')
    fault = json.loads(await client.recv())["fault"]
    assert (fault["refSeq"], fault["code"]) == ("r-1", code)


async def test_typing_is_passed_on_and_answered_only_when_it_fails(gateway: Gateway, dial: Dial) -> None:
    client = await dial(gateway, "ann", "&dialect=json")
    await client.send('{"seq":"t-1","typing":{"sessionId":"c"}}')
    assert await gateway.messages.calls.get() == ("ann", "c", -1)
    gateway.messages.error = ServiceError(Code.NOT_MEMBER)
    await client.send('{"seq":"t-2","typing":{"sessionId":"c"}}')
    assert json.loads(await client.recv())["fault"]["refSeq"] == "t-2"


async def test_every_connection_of_a_user_is_pushed_to_but_the_one_that_sent(gateway: Gateway, dial: Dial) -> None:
    first, second = await dial(gateway, "ann", "&dialect=json"), await dial(gateway, "ann")
    gateway.push(["ann", "nobody"], 1, 2, origins=[1, 0])
    assert json.loads(await first.recv())["push"]["seqId"] == "2"
    assert [wire.packet(await second.recv())[1][2] for _ in range(2)] == [1, 2]


async def test_pushes_of_a_conversation_never_step_back(gateway: Gateway, dial: Dial) -> None:
    client = await dial(gateway, "ann")
    for seqs in [(1, 2), (4, 5), (3,), (5, 6), (6,), (2, 7)]:
        gateway.push(["ann"], *seqs)
    gateway.push(["ann"], 1, conversation="other")
    got = [wire.packet(await client.recv())[1] for _ in range(7)]
    assert [(push[3], push[2]) for push in got] == [*((b"c", seq) for seq in (1, 2, 4, 5, 6, 7)), (b"other", 1)]


async def test_signals_reach_everybody_but_the_connection_left_out(gateway: Gateway, dial: Dial) -> None:
    first, second = await dial(gateway, "ann", "&dialect=json"), await dial(gateway, "bob")
    signals = [SignalPush(Typing("c", "ann"), ["ann", "bob"], 1), SignalPush(Typing("d", "bob"), ["ann"], 0)]
    gateway.hub.push(PushBatch(0, [], signals))
    kind, body = wire.packet(await second.recv())
    assert (kind, wire.fields(body[2])) == (wire.SIGNAL, {1: b"c", 2: b"ann"})
    assert json.loads(await first.recv())["signal"]["typing"] == {"conversationId": "d", "userId": "bob"}


async def test_a_push_to_more_users_than_a_slice_reaches_all_in_order(gateway: Gateway, dial: Dial) -> None:
    clients = {user: await dial(gateway, user) for user in ("u0", "u299", "u599")}
    users = [f"u{i}" for i in range(600)]
    gateway.push(users, 1)
    gateway.push(users, 2)
    gateway.push(["u0"], 3)
    for user, client in clients.items():
        seqs = [wire.packet(await client.recv())[1][2] for _ in range(3 if user == "u0" else 2)]
        assert seqs == [1, 2, 3][: len(seqs)]


async def test_resync_reaches_every_client(gateway: Gateway, dial: Dial) -> None:
    first, second = await dial(gateway, "ann"), await dial(gateway, "bob", "&dialect=json")
    gateway.hub.resync()
    assert wire.packet(await first.recv()) == (wire.SYNC_HINT, {})
    assert json.loads(await second.recv()) == {"syncHint": {}}


async def test_clients_of_a_store_that_was_replaced_begin_anew(gateway: Gateway, dial: Dial) -> None:
    """Neither what they hold nor the seqs they were pushed mean anything in the store that was put in its place."""
    first, second = await dial(gateway, "ann"), await dial(gateway, "bob", "&dialect=json")
    gateway.uplink.store_epoch = "restored"
    gateway.hub.resync()
    for client in (first, second):
        await client.wait_closed()
        assert (client.close_code, client.close_reason) == (4005, "resync")
    again = await dial(gateway, "ann")
    gateway.hub.resync()
    assert wire.packet(await again.recv()) == (wire.SYNC_HINT, {})


async def test_a_kick_ends_the_devices_connections_and_no_others(gateway: Gateway, dial: Dial) -> None:
    ann, bob = await dial(gateway, "ann"), await dial(gateway, "bob")
    gateway.hub.kick(["device-ann", "device-unknown"], Close.LOGGED_OUT)
    await ann.wait_closed()
    assert (ann.close_code, ann.close_reason) == (4502, "logged out")
    assert await gateway.uplink.closed.get() == 1
    gateway.push(["ann", "bob"], 1)
    assert wire.packet(await bob.recv())[0] == wire.PUSH


async def test_refused_connections_end_with_the_code_of_logic(gateway: Gateway, dial: Dial) -> None:
    client = await dial(gateway, "ann")
    gateway.hub.refuse([RouteRefusal(1, 4501), RouteRefusal(99, 4501)])
    await client.wait_closed()
    assert client.close_code == 4501


async def test_an_answer_that_nobody_waits_for_is_dropped(gateway: Gateway, dial: Dial) -> None:
    client = await dial(gateway, "ann")
    await client.send(wire.chat("1", "c", "x"))
    item = await gateway.uplink.items.get()
    gateway.answer(item._replace(connection=99), seq=1)
    gateway.answer(item._replace(ref=99), seq=1)
    gateway.answer(item, seq=1)
    gateway.answer(item, seq=1)
    await client.send(wire.blob(wire.PULSE, b""))
    assert [wire.packet(await client.recv())[0] for _ in range(2)] == [wire.ACK, wire.PULSE]


async def test_the_users_oldest_connection_makes_room(start: GatewayFactory, dial: Dial) -> None:
    gateway = await start(max_connections_per_user=2)
    first, second, third = [await dial(gateway, "ann") for _ in range(3)]
    await first.wait_closed()
    assert first.close_code == 4503
    gateway.push(["ann"], 1)
    assert wire.packet(await second.recv())[0] == wire.packet(await third.recv())[0] == wire.PUSH


async def test_routes_are_those_that_live(gateway: Gateway, dial: Dial) -> None:
    ann, bob = await dial(gateway, "ann"), await dial(gateway, "bob")
    assert [route[:4] for route in gateway.hub.routes()] == [("ann", 1, 5, "device-ann"), ("bob", 2, 5, "device-bob")]
    assert gateway.hub.routes()[0].address == "127.0.0.1"
    await ann.close()
    assert await gateway.uplink.closed.get() == 1
    assert [route.user_id for route in gateway.hub.routes()] == ["bob"]
    await bob.close()


async def test_the_subprotocol_carries_the_token(gateway: Gateway) -> None:
    offered = [Subprotocol("resonance.v1"), Subprotocol("bearer.good-ann")]
    async with connect(gateway.url(), subprotocols=offered) as client:
        assert client.subprotocol == "resonance.v1"
        assert wire.packet(await client.recv())[1][2] == b"ann"


async def test_the_authorization_header_carries_the_token(gateway: Gateway) -> None:
    async with connect(gateway.url(), additional_headers={"Authorization": "Bearer good-ann"}) as client:
        assert wire.packet(await client.recv())[1][2] == b"ann"


async def test_a_message_in_pieces_is_one_message(gateway: Gateway, dial: Dial) -> None:
    client = await dial(gateway, "ann")
    raw = wire.chat("1", "c", "a long text " * 50)
    await client.send([raw[:5], raw[5:90], raw[90:]])
    assert (await gateway.uplink.items.get()).content == "a long text " * 50


async def test_stopping_tells_clients_then_closes_them(gateway: Gateway, dial: Dial) -> None:
    ann, bob = await dial(gateway, "ann"), await dial(gateway, "bob", "&dialect=json")
    await ann.send(wire.chat("1", "c", "x"))
    item = await gateway.uplink.items.get()
    stopping = asyncio.create_task(gateway.server.join(5))
    kind, body = wire.packet(await ann.recv())
    assert (kind, body[1]) == (wire.GOING_AWAY, 1_001)
    assert json.loads(await bob.recv())["goingAway"]["jitterMs"] == 1_001
    await bob.wait_closed()
    gateway.answer(item, seq=1)  # what was sent before is still answered
    assert wire.packet(await ann.recv())[0] == wire.ACK
    await ann.wait_closed()
    await stopping
    assert (ann.close_code, bob.close_code) == (1012, 1012)
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", gateway.port)
