"""The dialect of GoChat's web client (seeds 003, 004): REST under /api, JSON frames, a conversation of everybody."""

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


class GoChatDialect(Dialect):
    """Put together from this folder."""

    name: ClassVar[str] = "gochat"
    prefixes: ClassVar[tuple[str, ...]] = ("/api",)

    def app(self) -> ASGIApp:
        """Return the REST routes."""
        from resonance.gateway.dialects.gochat.routes import router

        return router

    def refuse(self, error: ServiceError, status: int) -> Response:
        """Return the envelope of a refusal."""
        from resonance.gateway.dialects.gochat.envelope import refusal

        return refusal(error, status)

    def door(self) -> Door:
        """Return the WebSocket half."""
        from resonance.gateway.dialects.gochat.door import GoChatDoor

        return GoChatDoor(self.name)

    def logic_servants(self, logic: LogicParts) -> Sequence[Servant]:
        """Return what GoChat's services call on logic and on repo: both at logic, which alone may decide anything."""
        from resonance.domain.windows import History
        from resonance.gateway.dialects.gochat.servants import groups, messages, online, people, repo
        from resonance.gateway.dialects.gochat.servants import logic as logic_names
        from resonance.gateway.foreign_gateways import Gateways

        services, records = logic.services, logic.records
        history = History[self.settings.groups.history.upper()]
        gateways = Gateways(self.name, logic.link, self.settings.rpc, online.TTL_S)
        presence = online.OnlineStatusServant(gateways, logic.delivery)
        return (
            logic_names.AuthServant(services),
            logic_names.ConversationServant(services),
            logic_names.GroupServant(services, history),
            logic_names.MessageServant(services),
            people.UserServant(services),
            presence,
            people.FriendServant(services),
            messages.MessageServant(services, records),
            groups.GroupServant(services, records, presence, history),
            repo.ConversationServant(services),
        )

    def gateway_servants(self, downlink: Downlink) -> Sequence[Servant]:
        """Return what GoChat's services call on a gateway."""
        from resonance.gateway.dialects.gochat.servants.pusher import PusherServant

        return (PusherServant(downlink),)

    def publications(self, fact: Fact) -> Iterable[Publication]:
        """Return a fact as GoChat's consumers know it."""
        from resonance.gateway.dialects.gochat.publications import publications

        return publications(fact)
