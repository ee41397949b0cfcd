"""The dialect of Nexo's clients (seed 002): HTTP that always answers 200 with an envelope, JSON in binary frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from resonance.gateway.dialect import Dialect

if TYPE_CHECKING:
    from fastapi import Response
    from starlette.types import ASGIApp

    from resonance.domain.errors import ServiceError
    from resonance.gateway.ws.doors import Door


class NexoDialect(Dialect):
    """Put together from this folder."""

    name: ClassVar[str] = "nexo"
    prefixes: ClassVar[tuple[str, ...]] = ("/auth", "/user", "/group", "/msg", "/conversation", "/im")

    def app(self) -> ASGIApp:
        """Return the routes: the seed's paths, and the same below /im, where later clients look for them."""
        from resonance.gateway.dialects.nexo.routes import router

        return router

    def refuse(self, error: ServiceError, status: int) -> Response:
        """Return the envelope of a refusal, with status 200."""
        from resonance.gateway.dialects.nexo.envelope import refusal

        return refusal(error)

    def door(self) -> Door:
        """Return the WebSocket half."""
        from resonance.gateway.dialects.nexo.door import NexoDoor

        return NexoDoor(self.name)
