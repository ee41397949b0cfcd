"""Who may open a WebSocket: everything that is checked before the upgrade is answered.

The upgrade completes only after logic knows the connection's route, so that whatever is committed afterwards reaches
the client as a push, and whatever was committed before is in the client's sync.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, unquote

from resonance.config.settings import WsConfig
from resonance.domain.closes import Close
from resonance.domain.errors import Code, ServiceError, invalid
from resonance.domain.model import Principal
from resonance.gateway.http.address import ClientAddresses
from resonance.gateway.seams import Uplink
from resonance.gateway.ws.connection import Connection
from resonance.gateway.ws.hub import Hub
from resonance.protocol.packets import BINARY, JSON, Codec

PATH = "/ws"
SUBPROTOCOL = "resonance.v1"
TIMEOUT_S = 10.0
"""Longest time a handshake may take, logic's answers included."""
RETRY_AFTER_MS = 2_000

_BEARER = "bearer."
_DIALECTS: dict[str, Codec | None] = {"": None, "binary": BINARY, "json": JSON}
_REFUSALS = {
    Close.TOKEN_INVALID: Code.TOKEN_INVALID,
    Close.TOKEN_EXPIRED: Code.TOKEN_EXPIRED,
    Close.LOGGED_OUT: Code.TOKEN_REVOKED,
    Close.KICKED: Code.TOKEN_REVOKED,
    Close.USER_DISABLED: Code.USER_DISABLED,
}
"""What a connection that must not live is told before its upgrade; any other reason is UNAVAILABLE."""


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

    def check(self) -> None:
        """Refuse what is no upgrade to a WebSocket at our address (RFC 6455, 4.2.1).

        Raises:
            ServiceError: NOT_FOUND, MALFORMED_PACKET.
        """
        if self.path != PATH:
            raise ServiceError(Code.NOT_FOUND, f"WebSockets are at {PATH}, not at {self.path[:200]}")
        if self.method != "GET":
            raise ServiceError(Code.MALFORMED_PACKET, f"an upgrade is a GET, not a {self.method}")
        if self.headers.get("sec-websocket-version") != "13":
            raise ServiceError(Code.MALFORMED_PACKET, "Sec-WebSocket-Version has to be 13")
        if not _is_key(self.headers.get("sec-websocket-key", "")):
            raise ServiceError(Code.MALFORMED_PACKET, "Sec-WebSocket-Key has to be 16 bytes in base64")


class Handshake:
    """Admits or refuses requests for WebSockets."""

    def __init__(
        self,
        hub: Hub,
        uplink: Uplink,
        authenticate: Callable[[str], Awaitable[Principal]],
        config: WsConfig,
        addresses: ClientAddresses,
    ) -> None:
        self.config = config
        self._hub = hub
        self._uplink = uplink
        self._authenticate = authenticate
        self._addresses = addresses

    async def admit(self, request: UpgradeRequest) -> Connection:
        """Return the connection of a request, its route known to logic; the upgrade may be answered.

        Raises:
            ServiceError: why not, before anything was answered; no trace of the connection is left.
        """
        request.check()
        codec = self._check_origin_and_dialect(request)
        self._check_service()
        address = self._addresses.find(request.peer, request.headers.get("x-forwarded-for", ""))
        self._hub.check_room(address)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                principal = await self._authenticate(request.token)
                return await self._open(principal, address, codec)
        except TimeoutError:
            raise ServiceError(Code.UNAVAILABLE, "the handshake took too long", retry_after_ms=RETRY_AFTER_MS) from None

    def _check_origin_and_dialect(self, request: UpgradeRequest) -> Codec | None:
        origin = request.headers.get("origin", "")
        if origin and self.config.origins and origin not in self.config.origins:
            raise ServiceError(Code.PERMISSION_DENIED, f"pages of {origin[:200]} may not connect (ws_config.origins)")
        dialect = request.query.get("dialect", "")
        if dialect not in _DIALECTS:
            raise invalid("dialect", f"{dialect[:40]!r} is not a dialect: binary and json are")
        return _DIALECTS[dialect]

    def _check_service(self) -> None:
        if self._hub.stopping:
            raise ServiceError(Code.UNAVAILABLE, "the server is stopping", retry_after_ms=RETRY_AFTER_MS)
        if not self._uplink.connected:
            raise ServiceError(
                Code.UNAVAILABLE, "the gateway cannot reach the rest of the server", retry_after_ms=RETRY_AFTER_MS
            )

    async def _open(self, principal: Principal, address: str, codec: Codec | None) -> Connection:
        """Announce the connection; it is forgotten again when that fails or its client goes away meanwhile."""
        connection = self._hub.reserve(principal, address, codec)
        try:
            refused = await self._uplink.open_route(connection.route) or connection.closing
            if refused is not None:
                raise _refusal(refused)
            self._check_service()
        except BaseException:
            self._hub.forget(connection)
            raise
        return connection


def _refusal(close: Close) -> ServiceError:
    code = _REFUSALS.get(close, Code.UNAVAILABLE)
    retry_after_ms = RETRY_AFTER_MS if code.value.retry else 0
    return ServiceError(code, close.value.meaning, retry_after_ms=retry_after_ms)


def _is_key(value: str) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
