"""The gRPC server of a role: its services, the link, health and reflection on one address."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped]

from resonance.config.settings import Rpc
from resonance.rpc import foreign, frames, sockets
from resonance.rpc.channel import COMMON_OPTIONS, KEEPALIVE_MS
from resonance.rpc.contracts import CONTRACTS
from resonance.rpc.endpoints import Endpoint
from resonance.rpc.foreign import Authenticate, Callers, Servant
from resonance.rpc.handlers import handlers
from resonance.rpc.link import LinkServer
from resonance.rpc.secret import SecretInterceptor
from resonance.services.link import LinkService

Service = tuple[Callable[..., object], object]
"""An abstract class and the object that does its work."""

_OPTIONS = (
    *COMMON_OPTIONS,
    ("grpc.so_reuseport", 0),  # two servers on one port would share its connections unseen
    ("grpc.http2.min_ping_interval_without_data_ms", KEEPALIVE_MS // 2),
    ("grpc.keepalive_permit_without_calls", 1),  # else an idle client's keepalive is answered with "too many pings"
)
_UNHURRIED_S = 86_400.0
"""Grace for calls while nobody has called `terminate`."""


class RpcServer:
    """Offers a role's services to other processes. start → close → join → terminate.

    Args:
        listen: `unix:path` or `host:port` (port 0 takes any free one).
        services: what to offer; each class is in the table of contracts.
        link: where gateways link to, None for a role without.
        settings: the rpc section of the configuration.
        servants: what is offered under other systems' names.
        authenticate: says who a user's token is of, where users may call servants.

    Raises:
        ValueError: `listen` is no address, or other machines reach it and there is no `rpc.secret`.
    """

    def __init__(
        self,
        listen: str,
        services: Sequence[Service],
        link: LinkService | None,
        settings: Rpc,
        servants: Sequence[Servant] = (),
        authenticate: Authenticate | None = None,
    ) -> None:
        self._endpoint = Endpoint.parse(listen)
        secret = settings.secret.get_secret_value() if settings.secret else ""
        if not (secret or self._endpoint.private):
            raise ValueError(
                f"listening on {listen} lets other machines in, which may act for any user without rpc.secret: "
                "set that in every role, or listen on 127.0.0.1 or a unix socket"
            )
        self._services = services
        self._link = LinkServer(link) if link else None
        self._servants = servants
        self._callers = Callers(secret, authenticate)
        self._streams = foreign.Streams()
        foreign_names = [servant.service.full_name for servant in servants]
        self._interceptors = [SecretInterceptor(secret, foreign_names)] if secret else []
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None  # from `start` on
        self._stopping: asyncio.Task[None] | None = None  # from `close` on: ends when the last call has ended
        self.address = ""  # what others connect to, with the real port; from `start` on

    async def start(self) -> None:
        """Listen and answer, healthy.

        Raises:
            OSError: the address is taken or cannot be used.
        """
        server = grpc.aio.server(interceptors=self._interceptors, options=_OPTIONS)
        try:
            self.address = self._bind(server)
        except OSError:
            await server.stop(None)
            raise
        server.add_generic_rpc_handlers([handlers(abstract, target) for abstract, target in self._services])
        server.add_generic_rpc_handlers(
            [foreign.handlers(servant, self._callers, self._streams) for servant in self._servants]
        )
        if self._link:
            server.add_generic_rpc_handlers([self._link.handlers()])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection([*self._names(), health.SERVICE_NAME, reflection.SERVICE_NAME], server)
        await self.set_serving(True)
        await server.start()
        self._server = server

    async def set_serving(self, serving: bool) -> None:
        """Tell whoever asks for the health of the role, or of one of its services."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._names()):
            await self._health.set(name, status)

    async def close(self) -> None:
        """Stop accepting calls, and end the links behind the frames that wait, and foreign streams. Idempotent."""
        if self._server is None or self._stopping is not None:
            return
        await self.set_serving(False)
        if self._link:
            self._link.finish()
        self._streams.finish()
        self._stopping = asyncio.create_task(self._server.stop(_UNHURRIED_S))

    async def join(self, timeout_s: float) -> bool:
        """Wait until the calls that run have ended, at most this long; return whether they have."""
        if self._stopping is None:
            return self._server is None
        done, _ = await asyncio.wait({self._stopping}, timeout=timeout_s)
        return bool(done)

    async def terminate(self) -> None:
        """Cancel what still runs and let go of the address. Idempotent."""
        await self.close()
        if self._server is None or self._stopping is None:
            return
        await self._server.stop(None)
        await self._stopping

    def _names(self) -> list[str]:
        names = [CONTRACTS[abstract].service.full_name for abstract, _ in self._services]
        names += [servant.service.full_name for servant in self._servants]
        return [*names, frames.SERVICE_NAME] if self._link else names

    def _bind(self, server: grpc.aio.Server) -> str:
        """Take the address and return it as others reach it."""
        target = self._endpoint.target
        try:
            if self._endpoint.path is None:
                port = server.add_insecure_port(target)
                return Endpoint(host=self._endpoint.host, port=port).target
            sockets.prepare(self._endpoint.path)
            with sockets.private_files():
                server.add_insecure_port(target)
            return target
        except RuntimeError as error:
            raise OSError(f"cannot listen on {target}: {error}") from error
