"""The dialect of GoChat's web client (seeds 003, 004): REST under /api, JSON frames, a conversation of everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from resonance.gateway.dialect import Dialect

if TYPE_CHECKING:
    from fastapi import Response
    from starlette.types import ASGIApp

    from resonance.domain.errors import ServiceError
    from resonance.gateway.ws.doors import Door


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
