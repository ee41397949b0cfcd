"""The gateway role: the front doors over a logic that may be in this process or elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from itertools import count

from resonance.config import Settings
from resonance.gateway.dialect import Dialect
from resonance.gateway.http.app import create_app
from resonance.gateway.http.auth import Authenticator
from resonance.gateway.http.health import Health
from resonance.gateway.http.owned import Owned
from resonance.gateway.seams import Downlink
from resonance.gateway.server import GatewayServer
from resonance.gateway.uplink import GatewayUplink
from resonance.gateway.ws.doors import Doors
from resonance.gateway.ws.hub import Hub
from resonance.ports.uplink import GatewayEnd
from resonance.rpc.connector import Logics
from resonance.services import LogicServices

DRAIN_S = 5.0
"""Longest time that clients get to go, and that messages get to be answered."""


class GatewayRole:
    """Everything of a gateway."""

    def __init__(
        self,
        services: LogicServices,
        logics: Logics,
        settings: Settings,
        dialects: Sequence[Dialect],
        queue: Callable[[str, int], GatewayEnd] | None = None,
    ) -> None:
        service = settings.service
        self._host = service.host
        self._health = Health()
        self._hub = Hub(settings.ws_config)
        authenticator = Authenticator(services.accounts.authenticate, settings.auth.cache_ttl)
        self._uplink = GatewayUplink(
            f"{service.name}-{service.instance:03}",
            logics,
            self._hub,
            settings.rpc,
            settings.status_batcher,
            on_link=self._linked,
            on_kick=authenticator.forget,
            queue=queue,
        )
        doors = Doors([dialect.door() for dialect in dialects])
        self._hub.bind(self._uplink, services, doors)
        numbers = count(1)
        prefix = f"~{self._uplink.gateway_id}.{self._uplink.epoch}.0"
        owned = [Owned(dialect.name, dialect.prefixes, dialect.app(), dialect.refuse) for dialect in dialects]
        app = create_app(
            services, settings, self._health, authenticator, lambda: f"{prefix}.{next(numbers)}", owned, doors.all
        )
        self._server = GatewayServer(
            app,
            self._hub,
            self._uplink,
            authenticator.authenticate,
            service,
            settings.ws_config,
            settings.http,
            doors,
        )

    @property
    def downlink(self) -> Downlink:
        """The live connections."""
        return self._hub

    @property
    def url(self) -> str:
        """Where the API is, for somebody on this machine."""
        host = {"0.0.0.0": "localhost", "127.0.0.1": "localhost", "::": "localhost"}.get(self._host, self._host)  # noqa: S104
        return f"http://{host}:{self._server.port}"

    async def start(self) -> None:
        """Link to logic, wait until the link is up, and open the doors."""
        await self._uplink.start()
        await self._uplink.wait_connected()
        await self._server.start()
        self._health.clear("start")

    async def close(self) -> None:
        """Send clients away, let their messages be answered, and close."""
        self._health.block("stop", "stopping")
        await self._server.join(DRAIN_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self._uplink.join()
        await self._uplink.close()

    def _linked(self, up: bool) -> None:
        """Take note that the link to logic came or went."""
        if up:
            self._health.clear("uplink")
        else:
            self._health.block("uplink", "logic cannot be reached")
