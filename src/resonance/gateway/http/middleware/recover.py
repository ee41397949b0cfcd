"""A mistake of ours costs one request: it is logged, and the client is told, with the trace id to quote."""

from __future__ import annotations

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resonance.domain.errors import Code, ServiceError
from resonance.gateway.http.owned import Refusals

_log = structlog.get_logger(__name__)


class Recover:
    """Answers 500 for an exception that nobody expected; once a response has begun, all that is left is to cut it.

    A client that went away in the middle of its body is no mistake of ours, and nobody is there to be answered.
    """

    def __init__(self, app: ASGIApp, refusals: Refusals) -> None:
        self._app = app
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def send_watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_watched)
        except ClientDisconnect:
            return
        except Exception:
            _log.exception("http request failed", method=scope["method"], path=scope["path"])
            if begun:
                raise
            await self._refusals.at(scope["path"], ServiceError(Code.INTERNAL))(scope, receive, send)
