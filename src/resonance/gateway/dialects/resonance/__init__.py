"""The dialect of Resonance's own clients (seeds 000 and 001): Connect RPC, and protobuf over WebSocket.

Its `WsPacket` is the native one's ancestor; what only native clients know is left out here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from resonance.gateway.dialect import Dialect, LogicParts

if TYPE_CHECKING:
    from fastapi import Response
    from starlette.types import ASGIApp

    from resonance.domain.errors import ServiceError
    from resonance.gateway.seams import Downlink
    from resonance.gateway.ws.doors import Door
    from resonance.ports.publications import Fact, Publication
    from resonance.rpc.foreign import Servant


class ResonanceDialect(Dialect):
    """Put together from this folder."""

    name: ClassVar[str] = "resonance"
    prefixes: ClassVar[tuple[str, ...]] = (
        "/resonance.gateway.v1.AuthService",
        "/resonance.gateway.v1.SessionService",
    )

    def app(self) -> ASGIApp:
        """Return the Connect procedures."""
        from resonance._proto.gateway.v1 import api_pb2
        from resonance.gateway.dialects.resonance.api import AuthApi, SessionApi
        from resonance.gateway.dialects.resonance.connect import connect_router

        services = api_pb2.DESCRIPTOR.services_by_name
        return connect_router({services["AuthService"]: AuthApi(), services["SessionService"]: SessionApi()})

    def refuse(self, error: ServiceError, status: int) -> Response:
        """Return a Connect error."""
        from resonance.gateway.dialects.resonance.connect import refusal

        return refusal(error, status)

    def door(self) -> Door:
        """Return the WebSocket half."""
        from resonance.gateway.dialects.resonance.codec import EXAMPLES, ResonanceCodec
        from resonance.gateway.dialects.resonance.tables import SessionIds
        from resonance.gateway.ws.doors import Door

        codec = ResonanceCodec(SessionIds(self.settings.dialects.resonance_room))
        return Door(self.name, codec, examples=EXAMPLES)

    def logic_servants(self, logic: LogicParts) -> Sequence[Servant]:
        """Return what Resonance's services and gateways call on logic."""
        from resonance.gateway.dialects.resonance.gateways import SILENCE_S, GatewayOpsServant, PresenceServant
        from resonance.gateway.dialects.resonance.servants import AuthServant, ChatServant, SessionServant
        from resonance.gateway.foreign_gateways import Gateways

        gateways = Gateways(self.name, logic.link, self.settings.rpc, SILENCE_S)
        return (
            ChatServant(logic.services, self.settings),
            AuthServant(logic.services, self.settings),
            SessionServant(logic.services, self.settings),
            GatewayOpsServant(gateways),
            PresenceServant(gateways),
        )

    def gateway_servants(self, downlink: Downlink) -> Sequence[Servant]:
        """Return what Resonance's services call on a gateway."""
        from resonance.gateway.dialects.resonance.servants import PushServant

        return (PushServant(downlink, self.settings),)

    def publications(self, fact: Fact) -> Iterable[Publication]:
        """Return a fact as Resonance's consumers know it."""
        from resonance.gateway.dialects.resonance.publications import publications
        from resonance.gateway.dialects.resonance.tables import SessionIds

        return publications(fact, SessionIds(self.settings.dialects.resonance_room))
