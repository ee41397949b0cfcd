"""Chat packets as whole WebSocket frames, built by joining bytes: the driver must cost less than what it measures.

A frame is masked with zeros, which leaves its payload as it is (RFC 6455, 5.3 lets a client choose any mask).
"""

from __future__ import annotations

import time

KEY_LENGTH = 36
_COUNTER = 0xFFFFFF


def key_of(connection: int, number: int) -> bytes:
    """Return a UUIDv7 that rises with `number` (below 2**24) and tells it: see `number_of`."""
    ms = time.time_ns() // 1_000_000
    return b"%08x-%04x-7%03x-8%03x-%012x" % (ms >> 16, ms & 0xFFFF, number >> 12, number & 0xFFF, connection)


def number_of(key: str) -> int:
    """Return the number that a key of `key_of` was made from."""
    return int(key[15:18] + key[20:23], 16)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, value: bytes) -> bytes:
    """Return a length-delimited field of protobuf."""
    return _varint(number << 3 | 2) + _varint(len(value)) + value


class ChatFrames:
    """Frames that send one text to one conversation; only the key differs (`WsPacket.seq` and `client_msg_id`)."""

    def __init__(self, conversation_id: str, text: str) -> None:
        fixed = _field(3, conversation_id.encode()) + _field(6, text.encode()) + _field(7, b"text")
        chat = fixed + _field(20, b"k" * KEY_LENGTH)
        packet = _field(1, b"k" * KEY_LENGTH) + _field(11, chat)
        size = len(packet)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        first, second, _ = packet.split(b"k" * KEY_LENGTH)
        self._head = b"\x82" + length + b"\0\0\0\0" + first
        self._middle = second

    def frame(self, key: bytes) -> bytes:
        """Return the frame for a message with this key."""
        return self._head + key + self._middle + key
