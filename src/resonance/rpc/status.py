"""Refusals as gRPC tells them: a status that any gRPC tool understands, and the whole error in trailing metadata."""

from __future__ import annotations

from typing import NoReturn, TypeVar

import grpc
import grpc.aio
import structlog

from resonance.domain.errors import Code, ServiceError
from resonance.rpc.errors import pack, unpack

log = structlog.get_logger(__name__)

Request = TypeVar("Request")
Response = TypeVar("Response")

ERROR_KEY = "resonance-error-bin"
_MAX_DETAILS = 200

_BY_HTTP_STATUS = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.FAILED_PRECONDITION,
    410: grpc.StatusCode.OUT_OF_RANGE,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_EXCEPTIONS = {
    Code.STALE: grpc.StatusCode.ABORTED,
    Code.USER_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Code.CONVERSATION_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Code.KEY_CONFLICT: grpc.StatusCode.ALREADY_EXISTS,
    Code.ALREADY_FRIENDS: grpc.StatusCode.ALREADY_EXISTS,
    Code.ALREADY_MEMBER: grpc.StatusCode.ALREADY_EXISTS,
}
_FROM_TRANSPORT = {
    grpc.StatusCode.UNAVAILABLE: Code.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: Code.DEADLINE,
    grpc.StatusCode.CANCELLED: Code.DEADLINE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Code.TOO_LARGE,
    # A wrong service secret is the operator's mistake; as UNAUTHENTICATED a user would take it for a bad token.
    grpc.StatusCode.UNAUTHENTICATED: Code.UNAVAILABLE,
}


def status_of(code: Code) -> grpc.StatusCode:
    """Return the gRPC status for a code of the catalogue."""
    return _EXCEPTIONS.get(code) or _BY_HTTP_STATUS[code.value.status]


async def refuse(context: grpc.aio.ServicerContext[Request, Response], error: ServiceError) -> NoReturn:
    """End a call with an error."""
    await context.abort(
        status_of(error.code), error.message[:_MAX_DETAILS], trailing_metadata=((ERROR_KEY, pack(error)),)
    )


def refusal_in(error: grpc.aio.AioRpcError) -> ServiceError | None:
    """Return the error that the other role itself raised, or None when the failure is the transport's."""
    for key, value in error.trailing_metadata() or ():
        if key == ERROR_KEY and isinstance(value, bytes):
            return unpack(value)
    return None


def error_of(error: grpc.aio.AioRpcError) -> ServiceError:
    """Return a failed call's error: the other role's own, or what the transport's failure means."""
    refusal = refusal_in(error)
    if refusal is not None:
        return refusal
    code = _FROM_TRANSPORT.get(error.code(), Code.INTERNAL)
    details = error.details() or error.code().name
    # What the transport says is for the operator; the message may travel on to a user.
    if code is Code.INTERNAL:
        log.error("a call broke", status=error.code().name, details=details)
    else:
        log.warning("a call was not answered", status=error.code().name, details=details)
    return ServiceError(code)
