"""The link between a gateway and logic as a gRPC stream of bytes both ways, one frame a message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import grpc
import grpc.aio
import structlog

from resonance.config.settings import Rpc
from resonance.domain.errors import Code, ServiceError
from resonance.rpc.channel import Channel, Stream, open_channel
from resonance.rpc.connector import Connection, Connector
from resonance.rpc.frames import DOWN, METHOD_NAME, SERVICE_NAME, UP
from resonance.rpc.outgoing import DEFAULT_LIMIT, Outgoing
from resonance.rpc.status import error_of
from resonance.services.link import DownFrame, LinkService, LinkSession, UpFrame

log = structlog.get_logger(__name__)

_CLOSE_TIMEOUT_S = 2.0
"""How long `close` waits for frames to go out and for logic to end the stream."""
_BROKEN = (grpc.aio.AioRpcError, grpc.aio.BaseError, asyncio.InvalidStateError)
"""What gRPC raises, depending on the moment, for reads and writes on a stream that is over."""

_ACCEPTED = "resonance-link"
"""Key of the initial metadata by which logic says that the link is open; a stream that was refused has none."""

Context = grpc.aio.ServicerContext[bytes, bytes]


# ---------------------------------------------------------------- logic's side


class LinkServer:
    """Carries gateways' streams to a `LinkService`."""

    def __init__(self, service: LinkService, limit: int = DEFAULT_LIMIT) -> None:
        self._service = service
        self._limit = limit  # bytes that may wait for one gateway
        self._open: set[Outgoing] = set()  # the queues of the links that live

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return what a gRPC server needs to offer the stream."""
        method: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(self._link)
        return grpc.method_handlers_generic_handler(SERVICE_NAME, {METHOD_NAME: method})

    def finish(self) -> None:
        """End every link, behind the frames that wait now."""
        for outgoing in self._open:
            outgoing.finish()

    async def _link(self, requests: AsyncIterator[bytes], context: Context) -> None:
        """Run one link to its end: the gateway's, logic's, or the wire's."""
        outgoing = Outgoing(self._limit)
        session = self._service.open(lambda frame: outgoing.put(DOWN.dumps(frame)), outgoing.finish)
        self._open.add(outgoing)
        try:
            await context.send_initial_metadata(((_ACCEPTED, "open"),))
            async with asyncio.TaskGroup() as group:
                receiving = group.create_task(_receive(requests, session, outgoing))
                await _send(context, outgoing)
                receiving.cancel()
        finally:
            self._open.discard(outgoing)
            outgoing.finish()
            session.lost()
        if outgoing.overflown:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "the gateway reads too slowly")


async def _receive(requests: AsyncIterator[bytes], session: LinkSession, outgoing: Outgoing) -> None:
    """Hand frames to logic until the gateway ends the stream or one cannot be taken."""
    try:
        async for data in requests:
            session.receive(UP.loads(data))
    except _BROKEN as error:
        log.debug("a link broke", reason=str(error))
    except Exception:
        log.exception("logic failed on a frame: the link is ended")
    outgoing.finish()


async def _send(context: Context, outgoing: Outgoing) -> None:
    """Write frames until the queue ends or the stream breaks."""
    try:
        while (data := await outgoing.next()) is not None:
            await context.write(data)
    except _BROKEN as error:
        log.debug("a link broke", reason=str(error))


# ---------------------------------------------------------------- the gateway's side


class GrpcConnector(Connector):
    """Links to the logic at an address, in another process."""

    def __init__(self, address: str, settings: Rpc, limit: int = DEFAULT_LIMIT) -> None:
        self._address = address
        self._settings = settings
        self._limit = limit  # bytes that may wait on their way up

    async def connect(self, on_frame: Callable[[DownFrame], None], on_lost: Callable[[], None]) -> Connection:
        """Open a channel and a stream on it; each connection has its own."""
        channel = open_channel(self._address, self._settings)
        try:
            stream = await _open_stream(channel)
        except BaseException:
            await channel.close()
            raise
        return _GrpcConnection(channel, stream, Outgoing(self._limit), on_frame, on_lost)


async def _open_stream(channel: Channel) -> Stream:
    stream = channel.stream(f"/{SERVICE_NAME}/{METHOD_NAME}")
    try:
        async with asyncio.timeout(channel.deadline):
            if _ACCEPTED not in {key for key, _ in await stream.initial_metadata()}:
                await stream.read()  # raises what the stream was refused for
                raise ServiceError(Code.UNAVAILABLE, "what answers is no logic")
    except TimeoutError as error:
        raise ServiceError(Code.UNAVAILABLE, "logic did not accept the link in time") from error
    except grpc.aio.AioRpcError as error:
        raise error_of(error) from error
    return stream


class _GrpcConnection(Connection):
    """One link. A task owned by it reads and writes until either fails, then says so once."""

    def __init__(
        self,
        channel: Channel,
        stream: Stream,
        outgoing: Outgoing,
        on_frame: Callable[[DownFrame], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._channel = channel
        self._stream = stream
        self._outgoing = outgoing
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._closed = False  # by `close`: no frame comes down, and the end is no loss
        self._running = asyncio.create_task(self._run())

    def send(self, frame: UpFrame) -> None:
        """Queue a frame."""
        self._outgoing.put(UP.dumps(frame))

    async def close(self) -> None:
        """End the stream politely, and after a time-out without waiting."""
        self._closed = True
        self._outgoing.finish()
        await asyncio.wait({self._running}, timeout=_CLOSE_TIMEOUT_S)
        self._stream.cancel()
        await self._running

    async def _run(self) -> None:
        writing = asyncio.create_task(self._write())
        try:
            await self._read()
        finally:
            self._outgoing.finish()
            self._stream.cancel()
            writing.cancel()
            await asyncio.wait({writing})
            await self._channel.close()
            if not self._closed:
                self._on_lost()

    async def _read(self) -> None:
        """Hand frames to the gateway until the stream ends."""
        try:
            while isinstance(data := await self._stream.read(), bytes):
                if not self._closed:
                    self._on_frame(DOWN.loads(data))
        except _BROKEN as error:
            log.debug("the link broke", reason=str(error))
        except asyncio.CancelledError:
            if not self._stream.cancelled():
                raise
        except Exception:
            log.exception("the gateway failed on a frame: the link is lost")

    async def _write(self) -> None:
        """Write frames until the queue ends or the stream breaks; the reader then sees the end too."""
        try:
            while (data := await self._outgoing.next()) is not None:
                await self._stream.write(data)
            if self._outgoing.overflown:
                self._stream.cancel()
            else:
                await self._stream.done_writing()
        except _BROKEN as error:
            log.debug("the link broke", reason=str(error))
        except Exception:
            log.exception("frames cannot be written: the link is lost")
            self._stream.cancel()
