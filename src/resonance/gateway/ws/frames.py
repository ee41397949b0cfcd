"""WebSocket messages as bytes (RFC 6455, section 5). Frames of a server are not masked, so one serves all clients."""

from __future__ import annotations

import struct

TEXT = 1
BINARY = 2

_FIN = 0x80
_MEDIUM = struct.Struct(">BBH")
_LONG = struct.Struct(">BBQ")


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a message as one frame: 2, 4 or 10 bytes of header, then the payload (5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((_FIN | opcode, size)) + payload
    if size < 65_536:
        return _MEDIUM.pack(_FIN | opcode, 126, size) + payload
    return _LONG.pack(_FIN | opcode, 127, size) + payload


class Fragments:
    """A message that arrives in several frames (5.4), joined up to a limit."""

    __slots__ = ("_parts", "opcode", "size")

    def __init__(self, opcode: int, first: bytes) -> None:
        """Begin with the first frame, which names the message's opcode."""
        self.opcode = opcode
        self.size = len(first)
        self._parts = [first]

    def add(self, payload: bytes) -> None:
        """Take the next frame's payload."""
        self._parts.append(payload)
        self.size += len(payload)

    def joined(self) -> bytes:
        """Return the whole message."""
        return b"".join(self._parts)
