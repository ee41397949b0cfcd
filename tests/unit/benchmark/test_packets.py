"""The driver's hand-made frames are what a WebSocket server and protobuf read."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from resonance._proto.gateway.v1.packet_pb2 import WsPacket
from resonance.cli.benchmark.packets import ChatFrames, key_of, number_of


def test_keys_are_uuid7_and_rise_with_their_number() -> None:
    keys = [key_of(7, number).decode() for number in range(5000)]
    assert keys == sorted(set(keys))
    assert {uuid.UUID(key).version for key in keys} == {7}


@given(st.integers(0, 2**24 - 1), st.integers(0, 2**48 - 1))
def test_a_key_tells_its_number(number: int, connection: int) -> None:
    assert number_of(key_of(connection, number).decode()) == number


@given(st.text(min_size=1, max_size=400))
def test_a_frame_holds_the_packet(text: str) -> None:
    key = key_of(1, 2)
    frame = ChatFrames("si_ann_bob", text).frame(key)
    packet = WsPacket.FromString(unframed(frame))
    assert (packet.seq, packet.chat.client_msg_id) == (key.decode(), key.decode())
    assert (packet.chat.session_id, packet.chat.content, packet.chat.type) == ("si_ann_bob", text, "text")


def unframed(data: bytes) -> bytes:
    """Return the payload of a client's binary frame, read by another implementation."""
    reader = StreamReader()
    reader.feed_data(data)
    parser = Frame.parse(reader.read_exact, mask=True)
    try:
        next(parser)
    except StopIteration as done:
        frame: Frame = done.value
        assert frame.opcode is Opcode.BINARY
        return bytes(frame.data)
    raise AssertionError("the frame is longer than it says")
