"""Channels to other roles: one gRPC connection with keepalive, backoff, the service secret and a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import grpc
import grpc.aio

from resonance.config.settings import Rpc
from resonance.observe.trace import current_trace, format_traceparent, new_trace
from resonance.rpc.endpoints import Endpoint

MAX_MESSAGE = 64 * 1024 * 1024
"""Largest message in bytes, both ways: a full batch of the largest messages fits twice."""
MAX_METADATA = 64 * 1024
"""Largest metadata in bytes: an error's text travels there."""
KEEPALIVE_MS = 10_000
KEEPALIVE_TIMEOUT_MS = 5_000

SHUN_S = 5.0
"""How long others are preferred to a process that did not answer in time."""

TRACE_KEY = "traceparent"
AUTHORIZATION_KEY = "authorization"

COMMON_OPTIONS = (
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_metadata_size", MAX_METADATA),
    ("grpc.absolute_max_metadata_size", MAX_METADATA),
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.max_pings_without_data", 0),
)
"""What both ends of a connection have to agree on."""

_CLIENT_OPTIONS = (
    *COMMON_OPTIONS,
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_retries", 0),  # the proxies alone decide what is repeated
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),  # one channel's backoff is not another's
)

Unary = grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]
Stream = grpc.aio.StreamStreamCall[bytes, bytes]


def bearer(secret: str) -> str:
    """Return what the authorization metadata of a call holds."""
    return f"Bearer {secret}"


def _same(data: bytes) -> bytes:
    return data


class Target(Protocol):
    """Where calls to a service go: one channel, or one of several each time."""

    @property
    def deadline(self) -> float:
        """Longest time of a call, in seconds."""

    def pick(self, key: str = "") -> Channel:
        """Return the channel for the next call; calls with the same key prefer the same one.

        Raises:
            ServiceError: UNAVAILABLE when there is none.
        """


@dataclass(slots=True)
class Channel:
    """A connection to one role; made by `open_channel`.

    Attributes:
        deadline: longest time of a call, in seconds.
    """

    deadline: float
    _channel: grpc.aio.Channel
    _secret: str
    _shunned_until: float = 0.0  # on the monotonic clock

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return what goes along with a call: the trace, and the service secret if there is one."""
        trace = (TRACE_KEY, format_traceparent(current_trace() or new_trace()))
        return (trace, (AUTHORIZATION_KEY, bearer(self._secret))) if self._secret else (trace,)

    def unary(self, path: str) -> Unary:
        """Return a method of the other role, from request bytes to response bytes."""
        unary: Callable[..., Unary] = self._channel.unary_unary
        return unary(path, request_serializer=_same, response_deserializer=_same)

    def stream(self, path: str) -> Stream:
        """Open a stream of bytes both ways."""
        stream: Callable[..., Callable[..., Stream]] = self._channel.stream_stream
        return stream(path, request_serializer=_same, response_deserializer=_same)(metadata=self.metadata())

    def pick(self, key: str = "") -> Channel:  # noqa: ARG002 - there is only one
        """Return this channel: there is no other."""
        return self

    @property
    def broken(self) -> bool:
        """Whether the last attempt to connect failed and the next one has not succeeded yet."""
        return self._channel.get_state() is grpc.ChannelConnectivity.TRANSIENT_FAILURE

    @property
    def shunned(self) -> bool:
        """Whether another channel is to be preferred: this one is broken, or a call on it has just got no answer."""
        return self.broken or time.monotonic() < self._shunned_until

    def timed_out(self) -> None:
        """Take note that a call got no answer in time: a process that hangs still has its connections."""
        self._shunned_until = time.monotonic() + SHUN_S

    async def close(self, grace_s: float | None = None) -> None:
        """Close the connection; calls on it that last longer than the grace end as UNAVAILABLE or DEADLINE."""
        await self._channel.close(grace_s)


def open_channel(endpoint: str, settings: Rpc) -> Channel:
    """Return a channel to a role; it connects with the first call, and again after each loss.

    Raises:
        ValueError: the endpoint is no address.
    """
    secret = settings.secret.get_secret_value() if settings.secret else ""
    target = Endpoint.parse(endpoint).target
    return Channel(settings.deadline, grpc.aio.insecure_channel(target, options=_CLIENT_OPTIONS), secret)
