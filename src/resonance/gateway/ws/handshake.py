"""Who may open a WebSocket: everything that is checked before the upgrade is answered.

The upgrade completes only after logic knows the connection's route, so that whatever is committed afterwards reaches
the client as a push, and whatever was committed before is in the client's sync.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.responses import Response

from resonance.config.settings import WsConfig
from resonance.domain.closes import Close
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Principal
from resonance.gateway.http.address import ClientAddresses
from resonance.gateway.seams import Uplink
from resonance.gateway.ws.connection import Connection
from resonance.gateway.ws.doors import Door, Doors
from resonance.gateway.ws.hub import Hub
from resonance.gateway.ws.upgrade import UpgradeRequest

SUBPROTOCOL = "resonance.v1"
TIMEOUT_S = 10.0
"""Longest time a handshake may take, logic's answers included."""
RETRY_AFTER_MS = 2_000

_REFUSALS = {
    Close.TOKEN_INVALID: Code.TOKEN_INVALID,
    Close.TOKEN_EXPIRED: Code.TOKEN_EXPIRED,
    Close.LOGGED_OUT: Code.TOKEN_REVOKED,
    Close.KICKED: Code.TOKEN_REVOKED,
    Close.USER_DISABLED: Code.USER_DISABLED,
}
"""What a connection that must not live is told before its upgrade; any other reason is UNAVAILABLE."""


class Handshake:
    """Admits or refuses requests for WebSockets."""

    def __init__(
        self,
        hub: Hub,
        uplink: Uplink,
        authenticate: Callable[[str], Awaitable[Principal]],
        config: WsConfig,
        addresses: ClientAddresses,
        doors: Doors,
    ) -> None:
        self.config = config
        self._hub = hub
        self._uplink = uplink
        self._authenticate = authenticate
        self._addresses = addresses
        self._doors = doors

    async def admit(self, request: UpgradeRequest) -> Connection:
        """Return the connection of a request, its route known to logic; the upgrade may be answered.

        Raises:
            ServiceError: why not, before anything was answered; no trace of the connection is left.
        """
        request.check(self._doors.paths)
        door = self._doors.choose(request)
        self._check_origin(request)
        if door is not None:
            door.check(request)
        self._check_service()
        address = self._addresses.find(request.peer, request.headers.get("x-forwarded-for", ""))
        self._hub.check_room(address)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                principal = await self._authenticate(request.token)
                return await self._open(principal, address, self._settle(request, principal, door))
        except TimeoutError:
            raise ServiceError(Code.UNAVAILABLE, "the handshake took too long", retry_after_ms=RETRY_AFTER_MS) from None

    def refusal(self, request: UpgradeRequest, error: ServiceError) -> Response:
        """Return what a refused request is answered with."""
        return self._doors.refusal(request, error)

    def subprotocol(self, request: UpgradeRequest) -> str:
        """Return the subprotocol to answer, "" for none."""
        return self._doors.subprotocol(request, SUBPROTOCOL)

    def _settle(self, request: UpgradeRequest, principal: Principal, door: Door | None) -> Door | None:
        """Return the connection's door, that of its token when the request names none, once both fit."""
        if door is None:
            door = self._doors.of(principal)
            if door is not None:
                door.check(request)
        if door is not None:
            door.check_principal(request, principal)
        return door

    def _check_origin(self, request: UpgradeRequest) -> None:
        origin = request.headers.get("origin", "")
        if origin and self.config.origins and origin not in self.config.origins:
            raise ServiceError(Code.PERMISSION_DENIED, f"pages of {origin[:200]} may not connect (ws_config.origins)")

    def _check_service(self) -> None:
        if self._hub.stopping:
            raise ServiceError(Code.UNAVAILABLE, "the server is stopping", retry_after_ms=RETRY_AFTER_MS)
        if not self._uplink.connected:
            raise ServiceError(
                Code.UNAVAILABLE, "the gateway cannot reach the rest of the server", retry_after_ms=RETRY_AFTER_MS
            )

    async def _open(self, principal: Principal, address: str, door: Door | None) -> Connection:
        """Announce the connection; it is forgotten again when that fails or its client goes away meanwhile."""
        connection = self._hub.reserve(principal, address, None if door is None else door.codec)
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
