"""Services and links within one process that serialise everything, so that tests see what a wire would do.

Nothing here needs gRPC: the same codecs, without a connection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from resonance.domain.errors import ServiceError
from resonance.rpc.connector import Connection, Connector, LocalConnection
from resonance.rpc.errors import pack, unpack
from resonance.rpc.frames import DOWN, UP
from resonance.rpc.invoke import invoke
from resonance.rpc.methods import Method, proxy
from resonance.services.link import DownFrame, LinkService, LinkSession, UpFrame

S = TypeVar("S")


def loopback(abstract: Callable[..., S], target: S) -> S:
    """Return an object of a service's class that calls `target` with everything turned to bytes and back."""

    async def call(method: Method, arguments: Sequence[object]) -> object:
        request = method.dump_arguments(arguments)
        try:
            response = await invoke(method, target, request)
        except ServiceError as error:
            raise unpack(pack(error)) from error
        return method.load_result(response)

    return proxy(abstract, call)


class LoopbackConnector(Connector):
    """Links to a logic in the same process; every frame is turned to bytes and back."""

    def __init__(self, service: LinkService) -> None:
        self._service = _Serialising(service)

    async def connect(self, on_frame: Callable[[DownFrame], None], on_lost: Callable[[], None]) -> Connection:
        """Open a link by calling the service."""
        return _SerialisingConnection(LocalConnection(self._service, on_frame, on_lost))


class _SerialisingConnection(Connection):
    def __init__(self, inner: Connection) -> None:
        self._inner = inner

    def send(self, frame: UpFrame) -> None:
        self._inner.send(UP.loads(UP.dumps(frame)))

    async def close(self) -> None:
        await self._inner.close()


class _Serialising(LinkService):
    def __init__(self, inner: LinkService) -> None:
        self._inner = inner

    def open(self, send: Callable[[DownFrame], None], end: Callable[[], None]) -> LinkSession:
        return self._inner.open(lambda frame: send(DOWN.loads(DOWN.dumps(frame))), end)
