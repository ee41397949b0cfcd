"""How often an address may ask, and how much it may send."""

from __future__ import annotations

from collections.abc import Callable

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


READ_ON_MOST = 16 << 20
"""Bytes of a body that is too large which are still read, and thrown away, before it is refused."""


class BodyLimit:
    """Refuses bodies over the limit: announced ones once they came, chunked ones at the chunk that goes over.

    The server closes a connection whose request was answered before its body had come, and a client that still writes
    would then see a broken connection and not our answer. What is enormous, and what waits for permission
    (`Expect: 100-continue`), is refused unread all the same.
    """

    def __init__(self, app: ASGIApp, limit: Callable[[], int], refusals: Refusals) -> None:
        self._app = app
        self._limit = limit  # bytes; it may change
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, limit = Headers(scope=scope), self._limit()
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > limit:
            if int(announced) <= READ_ON_MOST and "expect" not in headers:
                await _read_on(receive)
            refusal = ServiceError(Code.TOO_LARGE, _refusal(limit))
            await self._refusals.at(scope["path"], refusal)(scope, receive, send)
            return
        size = 0

        async def receive_limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > limit:
                # The framework lets only its own exception pass through its reading of the body.
                raise HTTPException(413, _refusal(limit))
            return message

        await self._app(scope, receive_limited, send)


def _refusal(limit: int) -> str:
    return f"the body is over {limit} bytes (http.max_body)"


async def _read_on(receive: Receive) -> None:
    """Read a body to its end, or until the client goes away."""
    while (message := await receive())["type"] == "http.request" and message.get("more_body", False):
        pass
