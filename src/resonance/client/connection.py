"""One WebSocket connection to the server: messages in and out, whole, as bytes."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from picows import WSCloseCode, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect

from resonance.client.rest import problem
from resonance.domain.errors import Code, ServiceError

MAX_MESSAGE = 16 * 1024 * 1024
"""Bytes of a message that a server may send."""
HANDSHAKE_TIMEOUT = 10.0
PING_IDLE = 30.0
"""Seconds of silence after which the client pings."""
PING_REPLY = 20.0
"""Seconds without an answer to a ping after which the connection counts as lost."""


class Connection(WSListener):
    """A connection that calls back: `received` per message, `lost` once, with the close code (0: none came)."""

    def __init__(self, received: Callable[[bytes], None], lost: Callable[[int], None]) -> None:
        self._received = received
        self._lost = lost
        self._transport: WSTransport | None = None
        # Frames of a message whose last one has not come.
        self._parts: list[bytes] = []
        self._close_code = 0

    async def open(self, url: str, token: str) -> None:
        """Connect; `received` may be called before it returns.

        Args:
            url: the server's HTTP address; the WebSocket's is `/ws` there.
            token: goes along as a subprotocol, so that no log of addresses holds it.

        Raises:
            ServiceError: what the server refused; UNAVAILABLE when it cannot be reached.
        """
        try:
            await ws_connect(
                lambda: self,
                socket_url(url),
                websocket_handshake_timeout=HANDSHAKE_TIMEOUT,
                enable_auto_ping=True,
                auto_ping_idle_timeout=PING_IDLE,
                auto_ping_reply_timeout=PING_REPLY,
                max_frame_size=MAX_MESSAGE,
                extra_headers={"Sec-WebSocket-Protocol": f"resonance.v1, bearer.{token}"},
            )
        except WSHandshakeError as exc:
            if exc.response is None:
                raise ServiceError(Code.UNAVAILABLE, f"no handshake: {exc}") from exc
            raise problem(int(exc.response.status), exc.raw_body or b"") from exc
        except (OSError, TimeoutError) as exc:
            raise ServiceError(Code.UNAVAILABLE, f"{url} cannot be reached: {exc}") from exc

    def send(self, payload: bytes) -> None:
        """Send a message; on a connection that is going down it goes nowhere, and `lost` tells of that."""
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.send(WSMsgType.BINARY, payload)

    def close(self) -> None:
        """Close the connection, politely; `lost` follows."""
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.send_close(WSCloseCode.OK)
            self._transport.disconnect()

    # ------------------------------------------------------------ picows calls these

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.CLOSE:
            payload = frame.get_payload_as_bytes()
            self._close_code = int.from_bytes(payload[:2], "big")
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.BINARY, WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._parts.append(frame.get_payload_as_bytes())
            if sum(map(len, self._parts)) > MAX_MESSAGE:
                transport.disconnect()
            elif frame.fin:
                payload = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
                self._parts.clear()
                self._received(payload)

    def on_ws_disconnected(self, _: WSTransport) -> None:
        if self._transport is not None:
            self._transport = None
            self._lost(self._close_code)


def socket_url(url: str) -> str:
    """Return the address of the WebSocket of a server."""
    scheme, host, path, _, _ = urlsplit(url)
    return urlunsplit(("wss" if scheme == "https" else "ws", host, f"{path.rstrip('/')}/ws", "", ""))
