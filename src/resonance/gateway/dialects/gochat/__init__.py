"""The dialect of GoChat's web client (seeds 003, 004): REST under /api, JSON frames, a conversation of everybody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from resonance.gateway.dialect import Dialect

if TYPE_CHECKING:
    from fastapi import Response
    from starlette.types import ASGIApp

    from resonance.domain.errors import ServiceError
    from resonance.gateway.seams import Downlink
    from resonance.gateway.ws.doors import Door
    from resonance.ports.store import Store
    from resonance.rpc.foreign import Servant
    from resonance.services import LogicServices
    from resonance.services.delivery import Delivery


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

    def logic_servants(self, services: LogicServices, delivery: Delivery) -> Sequence[Servant]:
        """Return what GoChat's services call on logic."""
        from resonance.domain.windows import History
        from resonance.gateway.dialects.gochat.servants import logic, people

        return (
            logic.AuthServant(services),
            logic.ConversationServant(services),
            logic.GroupServant(services, History[self.settings.groups.history.upper()]),
            logic.MessageServant(services),
            people.UserServant(services),
            people.OnlineStatusServant(services, delivery),
            people.FriendServant(services),
        )

    def repo_servants(self, store: Store) -> Sequence[Servant]:
        """Return what GoChat's services call on repo."""
        from resonance.gateway.dialects.gochat.servants import repo

        return (repo.MessageServant(store), repo.GroupServant(store), repo.ConversationServant(store))

    def gateway_servants(self, downlink: Downlink) -> Sequence[Servant]:
        """Return what GoChat's services call on a gateway."""
        from resonance.gateway.dialects.gochat.servants.pusher import PusherServant

        return (PusherServant(downlink),)
