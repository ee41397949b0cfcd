"""A request for a WebSocket, as an HTTP parser has read it (RFC 6455, section 4.2.1)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, unquote

from resonance.domain.errors import Code, ServiceError

PATH = "/ws"

_BEARER = "bearer."


@dataclass(frozen=True, slots=True)
class UpgradeRequest:
    """A request for a WebSocket.

    Attributes:
        path: decoded.
        headers: by lower-case name; of a repeated one the values joined by commas (RFC 9110, 5.3).
        peer: the address that the TCP connection comes from, "" for a unix socket.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    peer: str

    @classmethod
    def of(cls, method: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], peer: str) -> Self:
        """Return the request that an HTTP parser has read."""
        path, _, query = target.decode("latin-1").partition("?")
        joined: dict[str, str] = {}
        for raw_name, raw_value in headers:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            joined[name] = f"{joined[name]},{value}" if name in joined else value
        return cls(method, unquote(path), dict(parse_qsl(query, keep_blank_values=True)), joined, peer)

    @property
    def subprotocols(self) -> list[str]:
        """The subprotocols that the client offers."""
        return [part.strip() for part in self.headers.get("sec-websocket-protocol", "").split(",") if part.strip()]

    @property
    def token(self) -> str:
        """The access token: header, subprotocol `bearer.<token>` or query, in this order; "" when there is none."""
        scheme, _, credentials = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return credentials.strip()
        offered = (part.removeprefix(_BEARER) for part in self.subprotocols if part.startswith(_BEARER))
        return next(offered, self.query.get("token", ""))

    def check(self, paths: Collection[str]) -> None:
        """Refuse what is no upgrade to a WebSocket at one of our addresses (RFC 6455, 4.2.1).

        Raises:
            ServiceError: NOT_FOUND, MALFORMED_PACKET.
        """
        if self.path not in paths:
            raise ServiceError(Code.NOT_FOUND, f"WebSockets are at {PATH}, not at {self.path[:200]}")
        if self.method != "GET":
            raise ServiceError(Code.MALFORMED_PACKET, f"an upgrade is a GET, not a {self.method}")
        if self.headers.get("sec-websocket-version") != "13":
            raise ServiceError(Code.MALFORMED_PACKET, "Sec-WebSocket-Version has to be 13")
        if not _is_key(self.headers.get("sec-websocket-key", "")):
            raise ServiceError(Code.MALFORMED_PACKET, "Sec-WebSocket-Key has to be 16 bytes in base64")


def _is_key(value: str) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
