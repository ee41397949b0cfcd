"""The wire as a stranger writes and reads it: protobuf by hand, raw upgrades, raw frames; no code of the server."""

from __future__ import annotations

import asyncio
import json
import struct
from dataclasses import dataclass, field
from typing import Any, ClassVar

# field numbers of WsPacket's payloads, from the .proto file
PULSE, CHAT, PUSH, ACK, READY, READ, READ_ACK, TYPING, SIGNAL, FAULT, GOING_AWAY, SYNC_HINT = (
    10,
    11,
    12,
    13,
    20,
    21,
    22,
    23,
    24,
    25,
    26,
    27,
)


MASK = b"\x37\xfa\x21\x3d"
"""What clients mask with (RFC 6455, 5.7); always the same, so that names of parameters do not change."""


def varint(value: int) -> bytes:
    """Write a varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def blob(number: int, value: bytes | str) -> bytes:
    """Write a string, bytes or message field."""
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def number(field_number: int, value: int) -> bytes:
    """Write an integer field."""
    return varint(field_number << 3) + varint(value)


def fields(data: bytes) -> dict[int, Any]:
    """Read a message: integers, and bytes for everything else; of a repeated field the last."""
    out: dict[int, Any] = {}
    position = 0

    def read_varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while position < len(data):
        key = read_varint()
        if key & 7 == 0:
            out[key >> 3] = read_varint()
        else:
            assert key & 7 == 2, f"unexpected wire type {key & 7}"
            size = read_varint()
            out[key >> 3] = data[position : position + size]
            position += size
    return out


def packet(data: bytes | str) -> tuple[int, dict[int, Any]]:
    """Read a binary packet: which payload it holds, and that payload's fields."""
    assert isinstance(data, bytes)
    found = {key: value for key, value in fields(data).items() if key >= 10}
    assert len(found) == 1, found
    kind, body = found.popitem()
    return kind, fields(body)


def chat(seq: str, conversation: str, content: str, key: str = "", kind: str = "") -> bytes:
    """Write a chat packet."""
    body = blob(3, conversation) + blob(6, content) + (blob(7, kind) if kind else b"")
    return blob(1, seq) + blob(CHAT, body + (blob(20, key) if key else b""))


def json_chat(seq: str, conversation: str, content: str, **more: str) -> str:
    """Write a chat packet as JSON text."""
    return json.dumps({"seq": seq, "chat": {"sessionId": conversation, "content": content, **more}})


# ---------------------------------------------------------------- raw sockets


def upgrade(target: str = "/ws", **headers: str) -> bytes:
    """Write an upgrade request; keyword arguments add or (with "") remove headers, `_` standing for `-`."""
    wanted = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in wanted.items() if value)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def masked(opcode: int, payload: bytes, *, fin: bool = True, rsv: int = 0) -> bytes:
    """Write a client's frame."""
    size = len(payload)
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65_536:
        head += b"\xfe" + struct.pack(">H", size)
    else:
        head += b"\xff" + struct.pack(">Q", size)
    return head + MASK + bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))


@dataclass
class Response:
    """An HTTP response's head, with the body when it is no upgrade."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def problem(self) -> dict[str, Any]:
        """The body as a problem document."""
        assert self.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        return document


class RawClient:
    """A TCP connection on which a test says exactly what it means to say.

    Attributes:
        live: every open one, so that a failed test leaves none behind.
    """

    live: ClassVar[set[RawClient]] = set()

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.live.add(self)

    @classmethod
    async def connect(cls, port: int) -> RawClient:
        """Open a connection."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)

    async def response(self) -> Response:
        """Read a response."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return Response(int(head[0].split()[1]), headers, body)

    async def frame(self) -> tuple[int, bytes]:
        """Read a frame: opcode and payload."""
        first, second = await self.reader.readexactly(2)
        assert second < 0x80, "a server must not mask"
        size = second
        if size == 126:
            (size,) = struct.unpack(">H", await self.reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", await self.reader.readexactly(8))
        return first & 0x0F, await self.reader.readexactly(size)

    async def close_code(self) -> int:
        """Read up to the close frame and return its code."""
        while True:
            opcode, payload = await self.frame()
            if opcode == 8:
                code: int = struct.unpack(">H", payload[:2])[0]
                return code

    async def close(self) -> None:
        """Hang up. Idempotent."""
        self.live.discard(self)
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            return
