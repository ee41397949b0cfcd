"""One request as the operator sees it: its trace id, its one log line, its metrics."""

from __future__ import annotations

import re
import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resonance.gateway.http.address import ClientAddresses
from resonance.gateway.http.health import PATHS as HEALTH_PATHS
from resonance.observe import metrics
from resonance.observe.trace import new_trace, parse_traceparent, set_trace, span

TRACE_HEADER = "X-Trace-ID"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"
"""The route of a request that no route took."""

_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_log = structlog.get_logger(__name__)


class Observe:
    """Gives a request its trace id and client address; when it is over, writes its log line and counts it.

    The trace id comes from `traceparent`, else from X-Trace-ID, else it is new. The log line holds the path but never
    the query, which may hold a token.
    """

    def __init__(self, app: ASGIApp, addresses: ClientAddresses) -> None:
        self._app = app
        self._addresses = addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        trace = _trace_of(headers)
        set_trace(trace)
        peer = scope["client"][0] if scope.get("client") else ""
        state = scope.setdefault("state", {})
        state["address"] = self._addresses.find(peer, headers.get("x-forwarded-for", ""))
        status = 0  # the connection ended before there was a response

        async def send_traced(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[TRACE_HEADER] = trace
            await send(message)

        begun = time.perf_counter()
        try:
            with span("http request", method=scope["method"]):
                await self._app(scope, receive, send_traced)
        finally:
            _record(scope, status, time.perf_counter() - begun)


def _trace_of(headers: Headers) -> str:
    given = headers.get(TRACE_HEADER, "")
    return parse_traceparent(headers.get("traceparent", "")) or (given if _TRACE_ID.fullmatch(given) else new_trace())


def _record(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", UNMATCHED)
    method = scope["method"] if scope["method"] in METHODS else "OTHER"
    metrics.http_requests.labels(method, route, str(status)).inc()
    metrics.http_seconds.labels(method, route).observe(seconds)
    if status >= 500:
        metrics.http_errors.labels(method, route).inc()
    write = _log.debug if scope["path"] in HEALTH_PATHS else _log.info
    write(
        "http request",
        method=method,
        path=scope["path"],
        route=route,
        status=status,
        ms=round(seconds * 1000, 2),
        address=scope["state"]["address"],
        user=scope["state"].get("user_id", ""),
    )
