"""What no client should send: each has a code of the catalogue, and leaves another client untouched."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from tests.integration.gateway_ws import wire
from tests.integration.gateway_ws.conftest import Dial, Gateway, GatewayFactory

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
PULSE = wire.blob(wire.PULSE, b"")


@pytest.fixture
async def witness(gateway: Gateway, dial: Dial) -> AsyncIterator[None]:
    """Another client, who has to go on as if nothing had happened."""
    client = await dial(gateway, "witness")
    yield
    await client.send(PULSE)
    assert await client.recv() == b"\x52\x00"
    gateway.push(["witness"], 1)
    assert wire.packet(await client.recv())[0] == wire.PUSH


@pytest.fixture
async def raw(gateway: Gateway) -> AsyncIterator[wire.RawClient]:
    """A client that has upgraded and read its Ready."""
    client = await wire.RawClient.connect(gateway.port)
    client.send(wire.upgrade("/ws?token=good-mallory"))
    assert (await client.response()).status == 101
    await client.frame()
    yield client
    await client.close()


async def fault(client: wire.RawClient) -> dict[int, bytes]:
    opcode, payload = await client.frame()
    assert opcode == BINARY
    kind, body = wire.packet(payload)
    assert kind == wire.FAULT
    return body


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xff\xff\xff",
        b"\x5a\x7fx",  # a length beyond the end
        wire.blob(1, b"\xff\xfe"),  # a seq that is no text
        wire.number(wire.CHAT, 5),  # a field of the wrong type
        wire.blob(31, b""),  # an unknown payload
        wire.blob(wire.PUSH, b""),  # a payload of the server's
    ],
)
@pytest.mark.usefixtures("witness")
async def test_a_frame_that_is_no_packet_is_a_fault(raw: wire.RawClient, payload: bytes) -> None:
    raw.send(wire.masked(BINARY, payload))
    assert (await fault(raw))[2] == b"malformed_packet"
    raw.send(wire.masked(BINARY, PULSE))
    assert await raw.frame() == (BINARY, b"\x52\x00")


@pytest.mark.usefixtures("witness")
@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"seq":1,"pulse":{}}', '{"chat":"hi"}', '{"chat":{"content":1}}']
)
async def test_text_that_is_no_packet_is_a_fault(gateway: Gateway, dial: Dial, text: str) -> None:
    client = await dial(gateway, "mallory", "&dialect=json")
    await client.send(text)
    assert json.loads(await client.recv())["fault"]["code"] == "malformed_packet"


@pytest.mark.usefixtures("witness")
async def test_ten_such_frames_in_a_row_end_the_connection(raw: wire.RawClient) -> None:
    for _ in range(9):
        raw.send(wire.masked(BINARY, b"\xff"))
    raw.send(wire.masked(BINARY, PULSE))
    raw.send(wire.masked(BINARY, b"\xff") * 10)
    kinds = [wire.packet((await raw.frame())[1])[0] for _ in range(20)]
    assert kinds == [*[wire.FAULT] * 9, wire.PULSE, *[wire.FAULT] * 10]
    assert (await raw.frame())[0] == CLOSE


@pytest.mark.usefixtures("witness")
@pytest.mark.parametrize(("kind", "code"), [("sticker", "invalid_argument"), ("system", "invalid_argument")])
async def test_an_unknown_kind_is_refused_in_the_ack(
    gateway: Gateway, raw: wire.RawClient, kind: str, code: str
) -> None:
    raw.send(wire.masked(BINARY, wire.chat("m", "c", "x", key="k", kind=kind)))
    opcode, payload = await raw.frame()
    assert (opcode, wire.packet(payload)[0]) == (BINARY, wire.ACK)
    body = wire.packet(payload)[1]
    assert (body[1], body[4], body[20], body[21]) == (b"m", b"c", b"k", code.encode())
    assert gateway.uplink.items.empty()


@pytest.mark.usefixtures("witness")
@pytest.mark.parametrize(
    ("key", "code"), [("~gw-1.7.1.1", b"reserved_key"), ("x" * 65, b"invalid_argument"), ("a\nb", b"invalid_argument")]
)
async def test_a_key_that_clients_may_not_use_is_refused(
    gateway: Gateway, raw: wire.RawClient, key: str, code: bytes
) -> None:
    raw.send(wire.masked(BINARY, wire.chat("m", "c", "x", key=key)))
    kind, ack = wire.packet((await raw.frame())[1])
    assert (kind, ack[21]) == (wire.ACK, code)
    assert gateway.uplink.items.empty()


@pytest.mark.usefixtures("witness")
async def test_ten_mebibytes_in_one_frame_are_refused_before_they_are_read(raw: wire.RawClient) -> None:
    raw.send(b"\x82\xff" + (10 << 20).to_bytes(8, "big") + b"mask" + b"\0" * 100)
    assert await raw.close_code() == 1009


@pytest.mark.usefixtures("witness")
async def test_fragments_are_limited_together(start: GatewayFactory) -> None:
    gateway = await start(max_message_size=1024)
    client = await wire.RawClient.connect(gateway.port)
    client.send(wire.upgrade("/ws?token=good-mallory"))
    await client.response()
    client.send(wire.masked(BINARY, b"\0" * 1000, fin=False) + wire.masked(CONTINUATION, b"\0" * 25, fin=False))
    assert await client.close_code() == 1009
    await client.close()


@pytest.mark.usefixtures("witness")
@pytest.mark.parametrize(
    "frames",
    [
        wire.masked(TEXT, b'{"seq":"\xff","pulse":{}}'),
        wire.masked(TEXT, b'{"seq":"\xc3', fin=False) + wire.masked(CONTINUATION, b'(","pulse":{}}'),
        wire.masked(TEXT, b"\xed\xa0\x80"),  # half a surrogate pair
    ],
)
async def test_text_that_is_no_utf8_ends_the_connection(raw: wire.RawClient, frames: bytes) -> None:
    raw.send(frames)
    assert await raw.close_code() == 1007


@pytest.mark.usefixtures("witness")
@pytest.mark.parametrize(
    "frames",
    [
        wire.masked(CONTINUATION, b"x"),  # a continuation of nothing
        wire.masked(BINARY, b"x", fin=False) + wire.masked(BINARY, b"y"),  # a second beginning
        wire.masked(BINARY, PULSE, rsv=4),  # compressed, which was not agreed
        wire.masked(3, b""),  # an unknown opcode
        wire.masked(PING, b"", fin=False),  # a control frame in pieces
        wire.masked(PING, b"\0" * 126),
        b"\x82\x01x",  # not masked
        wire.masked(CLOSE, b"\x03"),  # half a close code
    ],
)
async def test_broken_framing_ends_the_connection(raw: wire.RawClient, frames: bytes) -> None:
    raw.send(frames)
    assert await raw.close_code() == 1002


@pytest.mark.usefixtures("witness")
async def test_changing_the_form_of_packets_midway_ends_the_connection(raw: wire.RawClient) -> None:
    raw.send(wire.masked(BINARY, PULSE))
    raw.send(wire.masked(TEXT, b'{"pulse":{}}'))
    assert await raw.close_code() == 1003


async def test_a_ping_is_answered_also_between_the_pieces_of_a_message(gateway: Gateway, raw: wire.RawClient) -> None:
    message = wire.chat("1", "c", "in pieces")
    raw.send(wire.masked(BINARY, message[:4], fin=False) + wire.masked(PING, b"are you there?"))
    assert await raw.frame() == (PONG, b"are you there?")
    raw.send(wire.masked(CONTINUATION, message[4:]))
    assert (await gateway.uplink.items.get()).content == "in pieces"


@pytest.mark.parametrize(("sent", "answered"), [(b"\x03\xe9bye", 1001), (b"\x0f\xa0", 4000), (b"", 1000)])
async def test_a_close_is_answered_and_the_connection_ends(
    gateway: Gateway, raw: wire.RawClient, sent: bytes, answered: int
) -> None:
    raw.send(wire.masked(CLOSE, sent))
    assert await raw.close_code() == answered
    assert await raw.reader.read() == b""
    await gateway.uplink.closed.get()


async def test_a_client_that_hangs_up_midway_leaves_nothing(gateway: Gateway, raw: wire.RawClient) -> None:
    raw.send(wire.masked(BINARY, wire.chat("1", "c", "x")) + b"\x82")
    item = await gateway.uplink.items.get()
    await raw.close()
    assert await gateway.uplink.closed.get() == item.connection
    gateway.answer(item, seq=1)  # nobody is there to be told
    gateway.push(["mallory"], 1)
    assert gateway.hub.routes() == []


async def test_what_is_for_a_client_that_just_left_disturbs_nobody(
    gateway: Gateway, dial: Dial, raw: wire.RawClient
) -> None:
    other = await dial(gateway, "other")
    gateway.messages.gate.clear()
    raw.send(wire.masked(BINARY, wire.blob(1, "r") + wire.blob(wire.READ, wire.blob(1, "c"))))
    await gateway.messages.calls.get()
    gateway.push(["mallory"], 1)
    await raw.frame()
    await raw.close()
    await gateway.uplink.closed.get()
    gateway.messages.gate.set()  # the answer has nowhere to go
    gateway.push(["other"], 1)
    await other.send(PULSE)
    assert [wire.packet(await other.recv())[0] for _ in range(2)] == [wire.PUSH, wire.PULSE]
