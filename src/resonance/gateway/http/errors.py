"""Refusals over HTTP: RFC 9457 problem documents made from the catalogue, and nothing else.

`type` is a relative reference into the API's own page, which explains every code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from resonance.domain.errors import Code, ServiceError
from resonance.observe.trace import current_trace

MEDIA_TYPE = "application/problem+json"
DEFAULT_RETRY_MS = 1_000
"""What Retry-After says when a retryable refusal names no time."""

_OF_STATUS = {400: Code.MALFORMED_PACKET, 404: Code.NOT_FOUND, 405: Code.NOT_FOUND, 413: Code.TOO_LARGE}
"""What the framework's own refusals are in the catalogue."""
_TOKEN_CODES = {Code.TOKEN_INVALID, Code.TOKEN_EXPIRED, Code.TOKEN_REVOKED}


class Problem(BaseModel):
    """A refusal (RFC 9457). Decide by `code`, show `detail`, quote `trace_id` to the operator."""

    type: str = Field(examples=["/docs#invalid_argument"])
    title: str
    status: int
    detail: str
    code: str = Field(description="A code of the catalogue; never changes once released.")
    retry: bool = Field(description="Whether the very same request may succeed later.")
    field: str = Field("", description='The field that is wrong, "" when none is.')
    retry_after_ms: int = Field(0, description="How long to wait before trying again, 0 when it is not about waiting.")
    trace_id: str = Field("", description="What this request is called in the server's log.")


def problem(error: ServiceError, *, status: int = 0, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response for a refusal; `status` overrides the catalogue's where HTTP knows a better one."""
    spec = error.code.value
    status = status or spec.status
    wait_ms = error.retry_after_ms or (DEFAULT_RETRY_MS if status in (429, 503) else 0)
    body = Problem(
        type=f"/docs#{spec.text}",
        title=spec.meaning,
        status=status,
        detail=error.message,
        code=spec.text,
        retry=spec.retry,
        field=error.field,
        retry_after_ms=wait_ms,
        trace_id=current_trace(),
    )
    extra = dict(headers or {})
    if status == 401:
        extra["WWW-Authenticate"] = _challenge(error.code)
    if wait_ms:
        extra["Retry-After"] = str(math.ceil(wait_ms / 1000))
    return Response(body.model_dump_json(), status, extra, MEDIA_TYPE)


def install(app: FastAPI, routes: Sequence[APIRoute]) -> None:
    """Make the app answer every refusal, its own and the framework's, as a problem.

    Args:
        routes: all of the app's, to tell which methods a path has.
    """

    async def http_exception(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers = {"Allow": _allowed(routes, request.url.path)} if error.status_code == 405 else error.headers
        return problem(refusal_of(request, error), status=error.status_code, headers=headers)

    app.add_exception_handler(ServiceError, _refused)
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(HTTPException, http_exception)


def refusal_of(request: Request, error: Exception) -> ServiceError:
    """Return what an exception that a route or the framework raised for a request is in the catalogue."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        field = _field(first["loc"])
        return ServiceError(Code.INVALID_ARGUMENT, f"{field}: {_sentence(first['msg'])}", field=field)
    assert isinstance(error, HTTPException)
    return _refusal(request, error)


def _challenge(code: Code) -> str:
    """Return the WWW-Authenticate header (RFC 6750, section 3): a request without a token gets no error code."""
    return 'Bearer realm="resonance", error="invalid_token"' if code in _TOKEN_CODES else 'Bearer realm="resonance"'


async def _refused(request: Request, error: Exception) -> Response:
    return problem(refusal_of(request, error))


def _field(location: Sequence[str | int]) -> str:
    """Return the field's name as the caller knows it: `members.0`; `body` for the body as a whole."""
    return ".".join(str(part) for part in location[1:]) or str(location[0])


def _sentence(message: str) -> str:
    """Return pydantic's message without the prefix it gives to our own validators' errors."""
    return message.removeprefix("Value error, ")


def _refusal(request: Request, error: HTTPException) -> ServiceError:
    """Return what the framework's own refusal is in the catalogue."""
    code = _OF_STATUS.get(error.status_code, Code.INTERNAL if error.status_code >= 500 else Code.INVALID_ARGUMENT)
    path = request.url.path[:200]
    details = {404: f"there is nothing at {path}", 405: f"{request.method} is not for {path}"}
    return ServiceError(code, details.get(error.status_code, error.detail))


def _allowed(routes: Sequence[APIRoute], path: str) -> str:
    """Return the methods of all routes at a path; the framework names only the first route's."""
    at_path = (route for route in routes if route.path_regex.match(path))
    return ", ".join(sorted({method for route in at_path for method in route.methods or ()}))
