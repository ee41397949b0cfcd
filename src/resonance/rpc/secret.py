"""The service secret at the door: roles prove that they belong together."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import TypeVar

import grpc
import grpc.aio

from resonance.domain.errors import Code, ServiceError
from resonance.rpc.channel import AUTHORIZATION_KEY, bearer
from resonance.rpc.status import refuse

Request = TypeVar("Request")
Response = TypeVar("Response")

_OPEN = "/grpc.health.v1.Health/"
"""Whoever watches over processes asks for their health and knows no secret."""


class SecretInterceptor(grpc.aio.ServerInterceptor):
    """Refuses every call but health checks without the metadata `authorization: Bearer <secret>`.

    Args:
        open_: full names of services that find out themselves who calls.
    """

    def __init__(self, secret: str, open_: Collection[str] = ()) -> None:
        self._expected = bearer(secret).encode()
        self._open = (_OPEN, *(f"/{name}/" for name in open_))

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Request, Response] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Request, Response] | None:
        """Let a call through to its handler or to one that refuses it."""
        if handler_call_details.method.startswith(self._open) or self._proven(handler_call_details):
            return await continuation(handler_call_details)
        # On the wire every call is a stream, so this one handler answers all kinds.
        return grpc.stream_stream_rpc_method_handler(_refuse)

    def _proven(self, details: grpc.HandlerCallDetails) -> bool:
        given = [value for key, value in details.invocation_metadata or () if key == AUTHORIZATION_KEY]
        return len(given) == 1 and hmac.compare_digest(str(given[0]).encode(), self._expected)


async def _refuse(_requests: AsyncIterator[Request], context: grpc.aio.ServicerContext[Request, Response]) -> None:
    await refuse(context, ServiceError(Code.UNAVAILABLE, "the service secret (rpc.secret) is missing or wrong"))
