"""Paths that belong to a dialect: everything at and below them is answered by its own application, in its own form.

The application runs inside the gateway's middleware and sees the gateway's context, as native routes do. Whatever is
refused there, by its own routes, by the framework (404, 405, a body that does not validate) or by the middleware
before it gets there, is answered by the dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import BaseRoute, Match, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from resonance.domain.errors import ServiceError
from resonance.gateway.http.errors import problem, refusal_of

NATIVE = "/api/v1"
"""Never a dialect's, whatever it owns."""

Refuse = Callable[[ServiceError, int], Response]
"""Makes the response for a refusal; the number is HTTP's status for it, which the dialect may know better."""


class Owned(BaseRoute):
    """The route to a dialect's application.

    Attributes:
        routes: its routes, for the documentation; none where it is no router.
    """

    def __init__(self, name: str, prefixes: Sequence[str], app: ASGIApp, refuse: Refuse) -> None:
        """Own some paths.

        Args:
            name: the dialect's.
            prefixes: each with all paths below it; "/auth" owns /auth and /auth/login, and not /authors.
            app: sees requests as they came, with their whole paths.
            refuse: answers what is refused.
        """
        self.name = name
        self.refuse = refuse
        self.routes: Sequence[BaseRoute] = app.routes if isinstance(app, Router) else ()
        self._prefixes = tuple(prefixes)
        if isinstance(app, Router):
            app.redirect_slashes = False  # a redirect has no dialect's form
        self._app = ExceptionMiddleware(
            app, dict.fromkeys((ServiceError, RequestValidationError, HTTPException), self._refused)
        )

    def owns(self, path: str) -> bool:
        """Say whether a path is one of these."""
        return any(_is_below(path, prefix) for prefix in self._prefixes) and not _is_below(path, NATIVE)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Take every request for the paths."""
        return (Match.FULL if scope["type"] == "http" and self.owns(scope["path"]) else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the dialect answer."""
        await self._app(scope, receive, send)

    async def _refused(self, request: Request, error: Exception) -> Response:
        refusal = refusal_of(request, error)
        status = error.status_code if isinstance(error, HTTPException) else refusal.code.value.status
        return self.refuse(refusal, status)


class Refusals:
    """What a refusal looks like at a path: a problem document, unless a dialect owns it."""

    def __init__(self, owned: Sequence[Owned]) -> None:
        self._owned = owned

    def at(self, path: str, error: ServiceError) -> Response:
        """Return the response for a refusal outside of all routes."""
        for route in self._owned:
            if route.owns(path):
                return route.refuse(error, error.code.value.status)
        return problem(error)


def _is_below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")
