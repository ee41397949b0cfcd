"""Services that run in another process, as objects of their abstract classes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import TypeVar

import grpc
import grpc.aio

from resonance.domain.errors import Code, ServiceError
from resonance.rpc.channel import Target
from resonance.rpc.methods import Method, proxy
from resonance.rpc.status import error_of, refusal_in

S = TypeVar("S")

ATTEMPTS = 4
"""How often a repeatable call is tried within its deadline."""
_FIRST_PAUSE_S = 0.05
_TRANSPORT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def remote(abstract: Callable[..., S], target: Target) -> S:
    """Return an object of a service's class that calls it over a channel, or over one of several each time.

    Every call has the target's deadline, plus what its own parameter `wait_ms` allows. Where the other process cannot
    be reached, reads and commands with a caller-made id are tried again, with jittered pauses, within the deadline; so
    is every call while there is nobody to call.
    Its errors are the target's own, and UNAVAILABLE, DEADLINE or INTERNAL for what happens on the way.
    """
    return proxy(abstract, _Caller(target).call)


class _Caller:
    def __init__(self, target: Target) -> None:
        self._target = target

    async def call(self, method: Method, arguments: Sequence[object]) -> object:
        request = method.dump_arguments(arguments)
        metadata, key = None, method.key(arguments)
        now = asyncio.get_running_loop().time
        deadline = now() + self._target.deadline + method.wait_s(arguments)
        for attempt in range(ATTEMPTS):
            pause = _FIRST_PAUSE_S * 2**attempt * random.uniform(0.5, 1.5)
            try:
                channel = self._target.pick(key)
                metadata = metadata or channel.metadata()
                response = await channel.unary(method.path)(request, timeout=deadline - now(), metadata=metadata)
            except ServiceError:  # nobody to call
                if attempt == ATTEMPTS - 1 or now() + pause >= deadline:
                    raise
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and refusal_in(error) is None:
                    channel.timed_out()
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
