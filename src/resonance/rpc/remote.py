"""Services that run in another process, as objects of their abstract classes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import TypeVar

import grpc
import grpc.aio

from resonance.domain.errors import Code, ServiceError
from resonance.rpc.channel import Channel, Unary
from resonance.rpc.methods import Method, methods_of, proxy
from resonance.rpc.status import error_of, refusal_in

S = TypeVar("S")

ATTEMPTS = 4
"""How often a repeatable call is tried within its deadline."""
_FIRST_PAUSE_S = 0.05
_TRANSPORT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def remote(abstract: Callable[..., S], channel: Channel) -> S:
    """Return an object of a service's class that calls it over a channel.

    Every call has the channel's deadline, plus what its own parameter `wait_ms` allows. Where the other process cannot
    be reached, reads and commands with a caller-made id are tried again, with jittered pauses, within the deadline.
    Its errors are the target's own, and UNAVAILABLE, DEADLINE or INTERNAL for what happens on the way.
    """
    caller = _Caller(channel, {name: channel.unary(m.path) for name, m in methods_of(abstract).items()})
    return proxy(abstract, caller.call)


class _Caller:
    def __init__(self, channel: Channel, calls: dict[str, Unary]) -> None:
        self._channel = channel
        self._calls = calls  # by method name

    async def call(self, method: Method, arguments: Sequence[object]) -> object:
        request = method.dump_arguments(arguments)
        metadata = self._channel.metadata()
        now = asyncio.get_running_loop().time
        deadline = now() + self._channel.deadline + method.wait_s(arguments)
        for attempt in range(ATTEMPTS):
            try:
                response = await self._calls[method.name](request, timeout=deadline - now(), metadata=metadata)
            except grpc.aio.AioRpcError as error:
                pause = _FIRST_PAUSE_S * 2**attempt * random.uniform(0.5, 1.5)
                last = attempt == ATTEMPTS - 1 or now() + pause >= deadline
                if last or not method.repeatable or not _unreached(error):
                    raise error_of(error) from error
            except asyncio.CancelledError:
                if _cancelled_by_caller():
                    raise
                raise ServiceError(Code.DEADLINE, "the channel was closed during the call") from None
            except grpc.aio.UsageError as error:
                raise ServiceError(Code.UNAVAILABLE, "the channel is closed") from error
            else:
                return method.load_result(response)
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")


def _unreached(error: grpc.aio.AioRpcError) -> bool:
    """Whether the transport failed; a role that itself answers UNAVAILABLE has done its own repeating.

    A server's transport also cancels calls when very many begin at once; our own cancellation is no RpcError.
    """
    return error.code() in _TRANSPORT and refusal_in(error) is None


def _cancelled_by_caller() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
