"""A lean connection of the driver: whole frames out, joined per tick; packets in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from resonance._proto.gateway.v1.packet_pb2 import WsPacket
from resonance.client.connection import socket_url

Handler = Callable[["Peer", WsPacket], None]
HANDSHAKE_TIMEOUT = 60.0


class Peer(WSListener):
    """One user's connection.

    Attributes:
        number: which of the driver's connections it is.
        ready: done when the server's first packet has come, or failed when the connection was lost before.
        lost: the close code, or 0, once the connection is gone without having been closed here.
    """

    def __init__(self, number: int, handle: Handler) -> None:
        self.number = number
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost: int | None = None
        self._handle = handle
        self._transport: WSTransport | None = None
        self._out: list[bytes] = []
        self._closing = False
        self._code = 0

    async def open(self, url: str, token: str) -> None:
        """Connect and wait until the server is ready to push."""
        await ws_connect(
            lambda: self,
            socket_url(url),
            websocket_handshake_timeout=HANDSHAKE_TIMEOUT,
            read_buffer_init_size=2048,
            extra_headers={"Sec-WebSocket-Protocol": f"resonance.v1, bearer.{token}"},
        )
        await self.ready

    def write(self, frame: bytes) -> None:
        """Send a frame at the end of this tick of the loop."""
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(frame)

    def close(self) -> None:
        """Cut the connection."""
        self._closing = True
        if self._transport is not None:
            self._transport.disconnect(False)

    def _flush(self) -> None:
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.underlying_transport.write(b"".join(self._out))
        self._out.clear()

    # ------------------------------------------------------------ picows calls these

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.BINARY:
            packet = WsPacket.FromString(frame.get_payload_as_bytes())
            if packet.HasField("ready"):
                self.ready.set_result(None)
            else:
                self._handle(self, packet)
        elif frame.msg_type is WSMsgType.CLOSE:
            self._code = int.from_bytes(frame.get_payload_as_bytes()[:2], "big")
            transport.disconnect()

    def on_ws_disconnected(self, _: WSTransport) -> None:
        if not self._closing:
            self.lost = self._code
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"closed with {self._code} before it was ready"))
