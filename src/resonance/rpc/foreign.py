"""gRPC services under the names of other systems, for services of those systems.

A `Servant` is a thin adapter with one method per RPC. Here it gets what all of them need: a
trace, metrics, refusals as statuses, and an answer to the question who calls. There are two kinds of callers:

* a **service** shows the service secret (`rpc.secret`; without one, whoever reaches the private address is a service).
  It acts for the user whom its request names.
* a **user** shows an access token. The token says who it is; a request that names another user is refused.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, ClassVar, NamedTuple

import grpc
import grpc.aio
import structlog
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message

from resonance.domain.errors import Code, ServiceError, invalid
from resonance.domain.ids import check_handle
from resonance.domain.model import Caller, Platform, Principal
from resonance.observe import metrics
from resonance.rpc.channel import AUTHORIZATION_KEY
from resonance.rpc.handlers import enter_trace
from resonance.rpc.status import refuse

log = structlog.get_logger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
Authenticate = Callable[[str], Awaitable[Principal]]

_BEARER = "bearer "
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Servant:
    """A gRPC service; a subclass has a method for every RPC of `service`, `send_message` for `SendMessage`.

    A unary RPC's is `async def name(self, request, call) -> response`; that of one that streams in both directions is
    an asynchronous generator, `async def name(self, requests, call)`, and serves unary callers as well. Both refuse by
    raising ServiceError.
    """

    service: ClassVar[ServiceDescriptor]


class Callers(NamedTuple):
    """How a server tells who calls.

    Attributes:
        secret: the service secret, "" where the address itself is private.
        authenticate: says who a token is of; None on a role that has nobody to ask, where only services call.
    """

    secret: str
    authenticate: Authenticate | None


class Streams:
    """The streams that are open on a server, which would keep it from stopping for as long as they like."""

    def __init__(self) -> None:
        self._finished = False
        # the tasks of streams that wait for their next request
        self._waiting: set[asyncio.Task[Any]] = set()

    def finish(self) -> None:
        """Take no further request: streams answer those that they have, and end. Idempotent."""
        self._finished = True
        for task in self._waiting:
            task.cancel()

    async def requests(self, message: type[Message], requests: AsyncIterator[bytes]) -> AsyncIterator[Message]:
        """Return a stream's requests, until it ends or the server does."""
        task = asyncio.current_task()
        assert task is not None
        while not self._finished:
            self._waiting.add(task)
            try:
                request = await anext(requests)
            except StopAsyncIteration:
                return
            except asyncio.CancelledError:
                if self._finished and not task.uncancel():
                    return
                raise
            finally:
                self._waiting.discard(task)
            yield _read(message, request)


class Call:
    """One call, as a servant sees it."""

    def __init__(self, callers: Callers, context: Context) -> None:
        self._callers = callers
        self._credentials = _credentials(context)

    @property
    def is_service(self) -> bool:
        """Whether the caller is a service, which may name any user."""
        if not self._callers.secret:
            return not self._credentials
        return hmac.compare_digest(self._credentials.encode(), self._callers.secret.encode())

    async def principal(self) -> Principal | None:
        """Return the user who calls, None for a service.

        Raises:
            ServiceError: UNAUTHENTICATED for neither; as `Accounts.authenticate` for a token that is not good.
        """
        if self.is_service:
            return None
        if self._callers.authenticate is None:
            raise ServiceError(Code.UNAUTHENTICATED, "the service secret (rpc.secret) is missing or wrong")
        return await self._callers.authenticate(self._credentials)

    async def service(self) -> None:
        """Refuse whoever is no service. Raises PERMISSION_DENIED, or as `principal`."""
        if await self.principal() is not None:
            raise ServiceError(Code.PERMISSION_DENIED, "this is for services: the service secret is needed")

    async def user(self, named: str, field: str) -> Caller:
        """Return the user to act for.

        Args:
            named: whom the request names in `field`, "" for nobody.

        Raises:
            ServiceError: as `principal`; INVALID_ARGUMENT for a service that names nobody; PERMISSION_DENIED for a
                user who names another.
        """
        principal = await self.principal()
        if principal is None:
            if not named:
                raise invalid(field, f"{field} has to say for whom this is")
            return Caller(check_handle(named, field), Platform.UNKNOWN, "")
        if named not in ("", principal.caller.user_id):
            raise ServiceError(Code.PERMISSION_DENIED, f"the token is not {named[:80]}'s", field=field)
        return principal.caller


def handlers(servant: Servant, callers: Callers, streams: Streams) -> grpc.GenericRpcHandler:
    """Return what a gRPC server needs to offer a servant's service."""
    service = servant.service
    by_name = {
        method.name: _handler(method, getattr(servant, method_name(method)), callers, streams)
        for method in service.methods
    }
    return grpc.method_handlers_generic_handler(service.full_name, by_name)


def method_name(rpc: MethodDescriptor) -> str:
    """Return what a Python method for an RPC is called."""
    return _WORDS.sub("_", rpc.name).lower()


def _handler(
    method: MethodDescriptor, work: Any, callers: Callers, streams: Streams
) -> grpc.RpcMethodHandler[Any, Any]:
    message = message_factory.GetMessageClass(method.input_type)
    path = f"/{method.containing_service.full_name}/{method.name}"

    async def unary(request: bytes, context: Context) -> bytes:
        watch = _Watch(path, context)
        try:
            response: Message = await work(_read_whole(message, request), Call(callers, context))
        except Exception as error:
            await watch.refuse(error)
        finally:
            watch.stop()
        return response.SerializeToString()

    async def stream(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        watch = _Watch(path, context)
        try:
            async for response in work(streams.requests(message, requests), Call(callers, context)):
                yield response.SerializeToString()
        except Exception as error:
            await watch.refuse(error)
        finally:
            watch.stop()

    if method.client_streaming and method.server_streaming:
        return grpc.stream_stream_rpc_method_handler(stream)
    assert not method.client_streaming
    assert not method.server_streaming, f"{path} streams in one direction, which no servant does"
    return grpc.unary_unary_rpc_method_handler(unary)


class _Watch:
    """One call's trace, time and outcome."""

    def __init__(self, path: str, context: Context) -> None:
        enter_trace(context)
        self._path = path
        self._context = context
        self._code = "ok"
        self._begun = time.perf_counter()

    async def refuse(self, error: Exception) -> None:
        """End the call with a refusal; a mistake of ours is logged and told as one."""
        if not isinstance(error, ServiceError):
            log.exception("a call failed", method=self._path, exc_info=error)
            error = ServiceError(Code.INTERNAL)
        self._code = error.code.text
        if error.code.value.status >= 500:
            metrics.grpc_errors.labels(self._path).inc()
        await refuse(self._context, error)

    def stop(self) -> None:
        metrics.grpc_requests.labels(self._path, self._code).inc()
        metrics.grpc_seconds.labels(self._path).observe(time.perf_counter() - self._begun)


def _read(message: type[Message], request: bytes) -> Message:
    try:
        return message.FromString(request)
    except DecodeError as error:
        raise ServiceError(Code.MALFORMED_PACKET, f"the request is no {message.DESCRIPTOR.full_name}") from error


def _read_whole(message: type[Message], request: bytes) -> Message:
    """Return a request; texts with NUL, which not every store can even look for, are refused here for all servants.

    Those of a stream are left to its servant: a refusal here would end the stream, and with it what others send by it.
    """
    read = _read(message, request)
    if b"\0" in request:  # part of a number, or indeed of a text
        _refuse_nul(read)
    return read


def _refuse_nul(message: Message) -> None:
    for field, value in message.ListFields():
        for one in value if field.is_repeated else (value,):
            if isinstance(one, Message):
                _refuse_nul(one)
            elif isinstance(one, str) and "\0" in one:
                raise invalid(field.name, f"{field.name} holds a NUL character")


def _credentials(context: Context) -> str:
    """Return the credentials of the metadata `authorization: Bearer …`, "" for none."""
    for key, value in context.invocation_metadata() or ():
        if key == AUTHORIZATION_KEY and isinstance(value, str) and value.lower().startswith(_BEARER):
            return value[len(_BEARER) :].strip()
    return ""
