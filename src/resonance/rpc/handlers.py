"""Services of this process, offered to others over gRPC."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc
import grpc.aio

from resonance.domain.errors import ServiceError
from resonance.observe import metrics
from resonance.observe.trace import new_trace, parse_traceparent, set_trace
from resonance.rpc.channel import TRACE_KEY
from resonance.rpc.contracts import CONTRACTS
from resonance.rpc.invoke import invoke
from resonance.rpc.methods import Method, methods_of
from resonance.rpc.status import refuse

S = TypeVar("S")
Context = grpc.aio.ServicerContext[bytes, bytes]


def handlers(abstract: Callable[..., S], target: S) -> grpc.GenericRpcHandler:
    """Return what a gRPC server needs to offer `target` as the service of its abstract class."""
    service = CONTRACTS[abstract].service
    by_name: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        method.path.rpartition("/")[2]: grpc.unary_unary_rpc_method_handler(_handler(method, target))
        for method in methods_of(abstract).values()
    }
    return grpc.method_handlers_generic_handler(service.full_name, by_name)


def enter_trace(context: Context) -> None:
    """Make the caller's trace the current one, or begin one. Every call runs in a context of its own."""
    for key, value in context.invocation_metadata() or ():
        if key == TRACE_KEY and isinstance(value, str):
            set_trace(parse_traceparent(value) or new_trace())
            return
    set_trace(new_trace())


def _handler(method: Method, target: object) -> Callable[[bytes, Context], Awaitable[bytes]]:
    seconds = metrics.grpc_seconds.labels(method.path)
    answered = metrics.grpc_requests.labels(method.path, "ok")

    async def handle(request: bytes, context: Context) -> bytes:
        enter_trace(context)
        begin = time.perf_counter()
        try:
            response = await invoke(method, target, request)
        except ServiceError as error:
            metrics.grpc_requests.labels(method.path, error.code.text).inc()
            if error.code.value.status >= 500:
                metrics.grpc_errors.labels(method.path).inc()
            await refuse(context, error)
        finally:
            seconds.observe(time.perf_counter() - begin)
        answered.inc()
        return response

    return handle
