"""Cross-origin calls: open by default, because callers carry tokens and no cookies; a list by ws_config.origins."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from resonance.domain.errors import Code, ServiceError
from resonance.gateway.http.errors import problem
from resonance.gateway.http.middleware.observe import TRACE_HEADER

MAX_AGE = 600
"""Seconds a browser may remember the answer to a preflight."""


class Cors(CORSMiddleware):
    """Starlette's, with preflights answered by 204, and by a problem where the origin is not on the list."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins or ("*",),
            allow_methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=("*",),
            expose_headers=(TRACE_HEADER, "Retry-After"),
            max_age=MAX_AGE,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return the answer to a preflight."""
        answer = super().preflight_response(request_headers)
        if answer.status_code != 200:
            return problem(ServiceError(Code.PERMISSION_DENIED, bytes(answer.body).decode()))
        kept = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        return Response(status_code=204, headers=kept)
