"""Calls to etcd: to one member at a time, and to the next one once it fails.

Refusals are ServiceErrors: UNAVAILABLE for whatever may pass by itself, INVALID_ARGUMENT for a wrong user or right.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import grpc
import grpc.aio

from resonance._proto.etcd.v3 import etcd_pb2 as pb
from resonance._proto.etcd.v3 import etcd_pb2_grpc as stubs
from resonance.config.engines import EtcdConfig
from resonance.domain.errors import Code, ServiceError

R = TypeVar("R")
Metadata = tuple[tuple[str, str], ...]
Call = Callable[[grpc.aio.Channel, Metadata], Awaitable[R]]

_LEADER = ("hasleader", "true")
"""A member that has lost its cluster is to say so instead of answering from memory (etcd's `WithRequireLeader`)."""
_OPTIONS = (
    ("grpc.keepalive_time_ms", 10_000),  # etcd cuts who asks more often than every 5 s
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", 64 << 20),
)
WATCH_S = 10.0
"""Longest life of one stream of changes: whatever silences one without ending it is over by then."""
_OURS = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION)


class EtcdClient:
    """The calls that we need. Opens a connection with the first one.

    Raises:
        OSError: a file of certificates cannot be read.
    """

    def __init__(self, config: EtcdConfig) -> None:
        self._config = config
        self._credentials = _credentials(config)  # None where nothing is encrypted
        self._members = deque(config.endpoints)  # the one in use first
        self._channel: grpc.aio.Channel | None = None  # to the first member
        self._token = ""  # proves who we are to the first member, "" before that was asked for
        self._closed = False

    async def list(self, prefix: str) -> pb.RangeResponse:
        """Return every key below a prefix."""
        request = pb.RangeRequest(key=prefix.encode(), range_end=prefix_end(prefix))
        return await self._call(
            lambda channel, metadata: stubs.KVStub(channel).Range(
                request, timeout=self._config.timeout, metadata=metadata
            )
        )

    async def put(self, key: str, value: str, lease: int = 0) -> None:
        """Write a key; with a lease it goes when that ends. Raises UNAVAILABLE also when there is no such lease."""
        request = pb.PutRequest(key=key.encode(), value=value.encode(), lease=lease)
        await self._call(
            lambda channel, metadata: stubs.KVStub(channel).Put(
                request, timeout=self._config.timeout, metadata=metadata
            )
        )

    async def grant(self, ttl_s: int) -> int:
        """Return a new lease."""
        request = pb.LeaseGrantRequest(ttl=ttl_s)
        granted = await self._call(
            lambda channel, metadata: stubs.LeaseStub(channel).LeaseGrant(
                request, timeout=self._config.timeout, metadata=metadata
            )
        )
        return granted.id

    async def keep_alive(self, lease: int) -> bool:
        """Begin a lease's time anew; return whether there still is such a lease."""

        async def once(channel: grpc.aio.Channel, metadata: Metadata) -> bool:
            call = stubs.LeaseStub(channel).LeaseKeepAlive(timeout=self._config.timeout, metadata=metadata)
            try:
                await call.write(pb.LeaseKeepAliveRequest(id=lease))
                response = await call.read()
            finally:
                call.cancel()
            if not isinstance(response, pb.LeaseKeepAliveResponse):
                raise ServiceError(Code.UNAVAILABLE, "etcd ended a stream without an answer")
            return response.ttl > 0

        return await self._call(once)

    async def revoke(self, lease: int) -> None:
        """End a lease and all keys with it."""
        request = pb.LeaseRevokeRequest(id=lease)
        await self._call(
            lambda channel, metadata: stubs.LeaseStub(channel).LeaseRevoke(
                request, timeout=self._config.timeout, metadata=metadata
            )
        )

    async def watch(self, prefix: str, revision: int) -> AsyncGenerator[pb.WatchResponse, None]:
        """Yield what happens below a prefix from a revision on, as etcd tells it.

        Ends by itself after `WATCH_S`, to be begun anew behind what it told. Raises ServiceError when it is lost.
        """
        create = pb.WatchCreateRequest(
            key=prefix.encode(), range_end=prefix_end(prefix), start_revision=revision, progress_notify=True
        )
        channel, metadata = await self._open()
        heard = False
        call = stubs.WatchStub(channel).Watch(timeout=WATCH_S, metadata=metadata)
        try:
            async with _bounded(self._config.timeout):
                await call.write(pb.WatchRequest(create_request=create))
            while True:
                async with _bounded(2 * WATCH_S):
                    response = await call.read()
                if not isinstance(response, pb.WatchResponse):
                    break
                heard = True
                yield response
        except grpc.aio.AioRpcError as error:
            if heard and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                return
            raise await self._failed(channel, error) from error
        finally:
            call.cancel()
        await self._next(channel)
        raise ServiceError(Code.UNAVAILABLE, "etcd ended the stream of changes")

    async def close(self) -> None:
        """Close the connection; calls that run fail."""
        self._closed = True
        if self._channel is not None:
            await self._channel.close()

    async def _call(self, call: Call[R]) -> R:
        channel, metadata = await self._open()
        try:
            async with _bounded(2 * self._config.timeout):
                return await call(channel, metadata)
        except grpc.aio.AioRpcError as error:
            raise await self._failed(channel, error) from error

    async def _open(self) -> tuple[grpc.aio.Channel, Metadata]:
        """Return the connection, and what goes along with every call on it."""
        if self._closed:
            raise ServiceError(Code.UNAVAILABLE, "the connection to etcd is closed")
        if self._channel is None:
            self._channel = self._connect(self._members[0])
            self._token = ""
        channel = self._channel
        if self._config.user and not self._token:
            secret = self._config.password.get_secret_value() if self._config.password else ""
            request = pb.AuthenticateRequest(name=self._config.user, password=secret)
            try:
                async with _bounded(2 * self._config.timeout):
                    answer = await stubs.AuthStub(channel).Authenticate(request, timeout=self._config.timeout)
            except grpc.aio.AioRpcError as error:
                raise await self._failed(channel, error) from error
            self._token = answer.token
        return channel, (_LEADER, ("token", self._token)) if self._token else (_LEADER,)

    def _connect(self, member: str) -> grpc.aio.Channel:
        if self._credentials is None:
            return grpc.aio.insecure_channel(member, options=_OPTIONS)
        return grpc.aio.secure_channel(member, self._credentials, options=_OPTIONS)

    async def _failed(self, channel: grpc.aio.Channel, error: grpc.aio.AioRpcError) -> ServiceError:
        """Return what a failed call means; the next one goes to the next member if it is a member's fault."""
        text = f"etcd at {self._members[0]}: {error.details() or error.code().name}"
        if error.code() in _OURS:
            return ServiceError(Code.INVALID_ARGUMENT, text)
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            self._token = ""  # tokens end by themselves
        elif error.code() is not grpc.StatusCode.NOT_FOUND:
            await self._next(channel)
        return ServiceError(Code.UNAVAILABLE, text)

    async def _next(self, channel: grpc.aio.Channel) -> None:
        """Leave a member for the next one, unless another call has done so already."""
        if channel is self._channel:
            self._channel = None
            self._members.rotate(-1)
            await channel.close()


@asynccontextmanager
async def _bounded(seconds: float) -> AsyncIterator[None]:
    """Turn what gRPC does to calls whose channel another call has closed into UNAVAILABLE.

    It cancels them, which would look as if somebody had cancelled the task; and one that had not begun yet waits for
    ever, whatever its own time-out is.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise ServiceError(Code.UNAVAILABLE, "etcd does not answer") from error
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise ServiceError(Code.UNAVAILABLE, "the connection to etcd was left during the call") from None
    except (grpc.aio.UsageError, asyncio.InvalidStateError) as error:
        raise ServiceError(Code.UNAVAILABLE, "the connection to etcd was left meanwhile") from error


def _credentials(config: EtcdConfig) -> grpc.ChannelCredentials | None:
    if config.ca is None:
        return None
    ours = (path.read_bytes() if path else None for path in (config.key, config.certificate))
    return grpc.ssl_channel_credentials(config.ca.read_bytes(), *ours)


def prefix_end(prefix: str) -> bytes:
    """Return the first key behind all that begin with a prefix."""
    key = prefix.encode()
    return key[:-1] + bytes([key[-1] + 1])
