"""The gateway's listener: uvicorn on one port, for HTTP and WebSockets."""

from __future__ import annotations

import asyncio
import functools
import math
import socket
from collections.abc import Awaitable, Callable
from typing import cast

from starlette.types import ASGIApp
from uvicorn import Config, Server

from resonance.config.settings import HttpLimits, Service, WsConfig
from resonance.domain.model import Principal
from resonance.gateway.http.address import ClientAddresses
from resonance.gateway.seams import Uplink
from resonance.gateway.ws.bridge import FrontProtocol, SocketProtocol
from resonance.gateway.ws.doors import Doors
from resonance.gateway.ws.handshake import Handshake
from resonance.gateway.ws.hub import Hub


class GatewayServer:
    """Accepts connections until it is closed. Installs no signal handlers and runs no ASGI lifespan.

    Attributes:
        port: where it listens, once started.
    """

    def __init__(
        self,
        app: ASGIApp,
        hub: Hub,
        uplink: Uplink,
        authenticate: Callable[[str], Awaitable[Principal]],
        service: Service,
        ws: WsConfig,
        http: HttpLimits,
        doors: Doors,
    ) -> None:
        """Begin closed.

        Args:
            app: answers HTTP requests.
            hub: bound to the uplink already.
            authenticate: says who a token is of, as `Accounts.authenticate` does.
            doors: the dialects that connections may speak; the hub is bound to the same.
        """
        self.port = 0
        self._hub = hub
        self._service = service
        handshake = Handshake(hub, uplink, authenticate, ws, ClientAddresses(http.trusted_proxies), doors)
        config = Config(
            app,
            http=cast("type[asyncio.Protocol]", functools.partial(FrontProtocol, handshake)),
            ws=SocketProtocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
        )
        config.load()
        self._server = Server(config)
        self._sockets: list[socket.socket] = []
        self._ticks: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is taken or not ours.
        """
        listener = _listen(self._service)
        self.port = listener.getsockname()[1]
        self._sockets = [listener]
        self._hub.start()
        # what uvicorn's serve() does, without its signal handlers
        self._server.lifespan = self._server.config.lifespan_class(self._server.config)
        await self._server.startup(sockets=self._sockets)
        self._ticks = asyncio.create_task(self._server.main_loop(), name="uvicorn")

    def close(self) -> None:
        """Accept nothing more; requests and connections that are here go on. Idempotent."""
        self._hub.close()
        for server in getattr(self._server, "servers", ()):
            server.close()

    async def join(self, timeout_s: float) -> None:
        """Send WebSocket clients away, finish requests, and stop; what takes longer than the time-out is cut."""
        self.close()
        self._server.config.timeout_graceful_shutdown = math.ceil(timeout_s)
        await self._hub.join(timeout_s)
        await self._stop()

    async def terminate(self) -> None:
        """Stop at once."""
        self.close()
        self._hub.terminate()
        self._server.force_exit = True
        await self._stop()

    async def _stop(self) -> None:
        if self._ticks is None:
            return
        self._server.should_exit = True
        await self._ticks
        self._ticks = None
        await self._server.shutdown(sockets=self._sockets)


def _listen(service: Service) -> socket.socket:
    """Return a bound socket; port 0 takes any free one."""
    family = socket.AF_INET6 if ":" in service.host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if service.reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((service.host, service.http_port))
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        where = f"{service.host}:{service.http_port} (service.http_port)"
        raise OSError(error.errno, f"cannot listen on {where}: {error.strerror}") from error
    return listener
