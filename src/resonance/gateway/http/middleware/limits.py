"""How often an address may ask, and how much it may send."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resonance.domain.errors import Code, ServiceError
from resonance.domain.limits import TokenBuckets
from resonance.gateway.http.health import PATHS as HEALTH_PATHS
from resonance.gateway.http.owned import Refusals


class RateLimit:
    """Refuses requests of an address whose bucket is empty; health checks always pass."""

    def __init__(self, app: ASGIApp, buckets: TokenBuckets, refusals: Refusals) -> None:
        self._app = app
        self._buckets = buckets
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in HEALTH_PATHS:
            try:
                self._buckets.take(scope["state"]["address"], "requests")
            except ServiceError as refusal:
                await self._refusals.at(scope["path"], refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class BodyLimit:
    """Refuses bodies over the limit: announced ones unread, chunked ones at the chunk that goes over."""

    def __init__(self, app: ASGIApp, limit: int, refusals: Refusals) -> None:
        self._app = app
        self._limit = limit
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > self._limit:
            refusal = ServiceError(Code.TOO_LARGE, self._refusal())
            await self._refusals.at(scope["path"], refusal)(scope, receive, send)
            return
        size = 0

        async def receive_limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._limit:
                # The framework lets only its own exception pass through its reading of the body.
                raise HTTPException(413, self._refusal())
            return message

        await self._app(scope, receive_limited, send)

    def _refusal(self) -> str:
        return f"the body is over {self._limit} bytes (http.max_body)"
