"""picows on uvicorn's port: HTTP and WebSockets share one listener, and picows serves the sockets.

uvicorn's httptools protocol finds upgrades; instead of handing them to an ASGI server this one waits for the handshake
(uvicorn knows no waiting there), then gives the transport to picows together with a request that picows accepts.
Both sides are undocumented API: `tests/contract/test_picows_bridge.py` holds what is relied on.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import MutableMapping, MutableSet
from typing import Any

import httptools
import structlog
from picows import WSAutoPingStrategy, WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener
from picows.picows import WSProtocol  # type: ignore[attr-defined]
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from resonance.config.settings import WsConfig
from resonance.domain.closes import Close
from resonance.domain.errors import Code, ServiceError
from resonance.gateway.ws.connection import Connection
from resonance.gateway.ws.handshake import Handshake
from resonance.gateway.ws.upgrade import UpgradeRequest
from resonance.observe import metrics

log = structlog.get_logger(__name__)

HEAD_TIMEOUT_S = 30.0
"""Longest time from a connection's (or a further request's) first byte to the end of its headers."""
EARLY_MAX = 65_536
"""Bytes a client may send behind its upgrade request before it is answered; then it is read no further."""
READ_BUFFER = 2_048
"""Initial read buffer: most of an idle connection's memory."""
READ_MAX = 65_536
"""Bytes read at once; without a bound a flooding client makes picows double its buffer again and again."""


class _PicowsLog(logging.LoggerAdapter[logging.Logger]):
    """Not a `logging.Logger`, or picows would make one per connection; peers' faults are not our errors."""

    def error(self, msg: object, *args: object, **kwargs: Any) -> None:
        self.debug(msg, *args, **kwargs)


_PICOWS_LOG = _PicowsLog(logging.getLogger("picows.server"), {})
_PICOWS_LOG.setLevel(logging.WARNING)


class SocketProtocol(WSProtocol):  # type: ignore[misc]
    """picows' server side, told what to expect by uvicorn's front."""

    __slots__ = ("_connection", "_low_water", "_open", "_subprotocol")

    def __init__(self, connection: Connection, config: WsConfig, subprotocol: str, open_: MutableSet[Any]) -> None:
        """Take over for an admitted connection.

        Args:
            subprotocol: the one to answer, "" for none.
            open_: uvicorn's set of live protocols.
        """
        super().__init__(
            None,  # host_port: a client's
            None,  # ws_path: a client's
            False,  # is_client_side
            self._accept,
            _PICOWS_LOG,
            True,  # disconnect_on_exception
            None,  # websocket_handshake_timeout: the request is complete
            False,  # enable_auto_ping: the hub's wheel does it
            0,  # auto_ping_idle_timeout
            0,  # auto_ping_reply_timeout
            WSAutoPingStrategy.PING_WHEN_IDLE,
            False,  # enable_auto_pong: the connection does it
            config.max_message_size,
            None,  # extra_headers: a client's
            READ_BUFFER,
        )
        self._connection = connection
        self._low_water = config.low_water
        self._subprotocol = subprotocol
        self._open = open_

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin on a transport that has read the upgrade request."""
        self._open.add(self)
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=self._low_water)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._open.discard(self)
        super().connection_lost(exc)
        self._connection.lost()

    def get_buffer(self, size_hint: int) -> memoryview:
        """Return where to read to."""
        buffer: memoryview = super().get_buffer(size_hint)
        return buffer if len(buffer) <= READ_MAX else buffer[:READ_MAX]

    def feed(self, data: bytes) -> None:
        """Take bytes that were read before this protocol was in place."""
        view = memoryview(data)
        while view:
            buffer = self.get_buffer(-1)
            size = min(len(buffer), len(view))
            buffer[:size] = view[:size]
            view = view[size:]
            self.buffer_updated(size)

    def shutdown(self) -> None:
        """uvicorn stops; the hub has closed everything by then, but for latecomers."""
        self._connection.close(Close.RESTART)

    def _accept(self, _: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        headers = {"Sec-WebSocket-Protocol": self._subprotocol} if self._subprotocol else None
        return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(headers), self._connection)


_NOBODY = asyncio.Protocol()
"""Between the front and picows: uvloop keeps the last `data_received` that it was given for as long as the transport
lives, and with it everything that the front holds (7 KiB of parser, request and locks per connection)."""


class FrontProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with an upgrade that can wait, refuse, and loses no early frames."""

    def __init__(
        self,
        handshake: Handshake,
        config: Config,
        server_state: ServerState,
        app_state: MutableMapping[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, dict(app_state), _loop)
        self._handshake = handshake
        self._chunk = b""
        # what came behind the upgrade request, while it is being decided
        self._early = bytearray()
        self._upgrade: asyncio.Task[None] | None = None
        self._paused = False
        self._head_timer: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------ called by the transport and the parser

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, with a limit on how long the first request's headers may take."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End, and with it the handshake under way."""
        self._head_arrived()
        if self._upgrade is not None:
            self._upgrade.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, or keep for the WebSocket."""
        if self._upgrade is not None:
            self._keep(data)
            return
        self._chunk = data
        super().data_received(data)
        self._chunk = b""

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """A request's headers are there."""
        self._head_arrived()
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """Begin the handshake. Called by uvicorn while it handles the parser's HttpParserUpgrade."""
        upgrade = sys.exc_info()[1]
        assert isinstance(upgrade, httptools.HttpParserUpgrade)
        self._early += self._chunk[upgrade.args[0] :]
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()  # the answer to an earlier request is still on its way
            return
        peer = self.client[0] if self.client else ""
        request = UpgradeRequest.of(self.scope["method"], self.url, self.headers, peer)
        self._upgrade = self.loop.create_task(self._decide(request))
        self.tasks.add(self._upgrade)
        self._upgrade.add_done_callback(self.tasks.discard)

    # ------------------------------------------------------------ the handshake

    async def _decide(self, request: UpgradeRequest) -> None:
        try:
            connection = await self._handshake.admit(request)
        except ServiceError as error:
            self._refuse(request, error)
        except Exception:
            log.exception("a handshake failed")
            self._refuse(request, ServiceError(Code.INTERNAL))
        else:
            self._hand_over(request, connection)

    def _refuse(self, request: UpgradeRequest, error: ServiceError) -> None:
        metrics.connections_refused.labels(error.code.text).inc()
        response = self._handshake.refusal(request, error)
        head = [STATUS_LINE[response.status_code]]
        head += [b"%b: %b\r\n" % (name, value) for name, value in response.raw_headers]
        head.append(b"connection: close\r\n\r\n")
        self.transport.write(b"".join(head) + bytes(response.body))
        self.transport.close()

    def _hand_over(self, request: UpgradeRequest, connection: Connection) -> None:
        """Give the transport to picows, with the least request that it accepts, and then what came early."""
        subprotocol = self._handshake.subprotocol(request)
        protocol = SocketProtocol(connection, self._handshake.config, subprotocol, self.connections)
        self.connections.discard(self)
        if self.transport.is_closing():
            connection.lost()
            return
        protocol.connection_made(self.transport)
        protocol.feed(_request(request.headers["sec-websocket-key"]))
        self.transport.set_protocol(_NOBODY)
        self.transport.set_protocol(protocol)
        if self._early:
            protocol.feed(bytes(self._early))
        if self._paused and connection.reading:
            self.transport.resume_reading()

    def _keep(self, data: bytes) -> None:
        self._early += data
        if len(self._early) > EARLY_MAX and not self._paused:
            self._paused = True
            self.transport.pause_reading()

    # ------------------------------------------------------------ slow heads

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def _head_arrived(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def _request(key: str) -> bytes:
    """Return an upgrade request as picows wants it.

    It insists on `Connection: Upgrade` alone (Firefox sends `keep-alive, Upgrade`), and keeps the headers for as long
    as the connection lives.
    """
    return (
        b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: " + key.encode("ascii") + b"\r\n\r\n"
    )
