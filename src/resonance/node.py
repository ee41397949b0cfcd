"""The composition root: configuration in, engines and roles out. Nothing else knows which engine is used.

A process is a stack of parts, started from the bottom up and closed from the top down: store, roles over it, front
doors over those. The first SIGINT or SIGTERM closes it cleanly, a second one ends it at once.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import structlog

from resonance.config import paths
from resonance.config.load import Loaded, Role
from resonance.domain.errors import Code, ServiceError
from resonance.engines.log.push import LogPush
from resonance.gateway import dialects
from resonance.gateway.dialect import LogicParts
from resonance.live import LiveConfiguration
from resonance.logic.secret import load_secret
from resonance.observe.server import MetricsServer
from resonance.ports.store import Store
from resonance.shared import Shared
from resonance.uplinks import gateway_queue, logic_queue

if TYPE_CHECKING:
    from resonance.discovery import Discovery
    from resonance.gateway.role import GatewayRole
    from resonance.logic.role import LogicRole
    from resonance.rpc.connector import Logics
    from resonance.rpc.foreign import Authenticate, Servant
    from resonance.rpc.pool import Pool
    from resonance.rpc.server import Service
    from resonance.services import LogicServices
    from resonance.services.link import LinkService

log = structlog.get_logger(__name__)

Ready = Callable[[dict[str, str]], None]

DRAIN_S = 10.0
"""Longest time that a part may take to finish what it has begun."""
RETRY_S = 0.5
"""Pause between attempts to reach a role at start."""


def run(role: Role, loaded: Loaded, ready: Ready | None = None) -> int:
    """Run a role until it is told to stop; return the exit code.

    Args:
        ready: called once everything listens, with the addresses by name.

    Raises:
        ServiceError, SecretError, OSError: why it cannot start, in words for the operator.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(Node(role, loaded, ready).run())
    return 0


class Node:
    """One process: a role, or all of them."""

    def __init__(self, role: Role, loaded: Loaded, ready: Ready | None) -> None:
        self._role = role
        self._live = LiveConfiguration(role, loaded)
        self._settings = settings = self._live.settings
        self._on_ready = ready
        self._dialects = dialects.enabled(settings)
        self._discovery: Discovery | None = None  # from `run` on, unless all roles are here
        self._stack = AsyncExitStack()
        self._addresses: dict[str, str] = {}
        self._is_ready = False
        self._linked: Callable[[], int] | None = None  # how many gateways are linked, in logic
        self._metrics = MetricsServer(settings.observability.metrics, lambda: self._is_ready)

    async def run(self) -> None:
        """Start every part, wait for a signal, close every part. A signal also ends a start that waits for others."""
        stop = asyncio.Event()
        self._handle_signals(stop)
        self._settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        async with self._stack:
            self._stack.callback(self._metrics.close)
            if await self._finishes(self._start(), stop):
                await stop.wait()
                self._is_ready = False
                log.info("stopping")
                if self._discovery is not None:
                    await self._discovery.drain()
            else:
                log.info("stopping before all was started")
        log.info("stopped")

    async def _finishes(self, start: Coroutine[Any, Any, None], stop: asyncio.Event) -> bool:
        """Run the start to its end and return True, or give it up at a signal and return False."""
        starting, stopping = asyncio.create_task(start), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                await asyncio.wait({starting})
            if starting.cancelled():
                return False
            starting.result()
            return True
        finally:
            starting.cancel()
            stopping.cancel()

    async def _start(self) -> None:
        self._on_close(self._live.close)
        await self._live.start()
        discovery = self._discovery = self._make_discovery()
        await getattr(self, f"_{self._role}")()
        self._start_metrics()
        self._is_ready = True
        if discovery is not None:
            await discovery.announce(self._addresses, self._linked)
        _calm_collector()
        # On a terminal the banner says the same, and better.
        tell = log.debug if self._on_ready is not None and sys.stderr.isatty() else log.info
        tell("ready", addresses=self._addresses, pid=os.getpid())
        if self._on_ready is not None:
            self._on_ready(self._addresses)

    def _handle_signals(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()

        def on_signal() -> None:
            if stop.is_set():
                log.warning("stopped at once by a second signal")
                os._exit(1)
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, on_signal)

    def _start_metrics(self) -> None:
        """Serve metrics: begun last, when nothing can fail any more, and ended last, so that a drain can be watched."""
        self._addresses["metrics"] = self._metrics.start()

    def _on_close(self, close: Callable[[], Awaitable[None]]) -> None:
        self._stack.push_async_callback(close)

    # ------------------------------------------------------------ what each role consists of

    async def _serve(self) -> None:
        """All four roles in this process: services are called directly."""
        from resonance.rpc.connector import DirectConnector, Logics

        store = await self._open_store()
        logic = await self._make_logic(store)
        await logic.start()
        self._on_close(logic.close)
        await self._start_task(store, logic.delivery)
        gateway = self._make_gateway(logic.services, Logics.only(DirectConnector(logic.link)))
        await self._start_servants(store, logic, gateway)
        await self._start_gateway(gateway)

    async def _repo(self) -> None:
        """The store, served to logic and task."""
        store = await self._open_store()
        listen = paths.address(self._settings, self._settings.roles.repo_listen)
        await self._start_rpc("repo", "roles.repo_listen", listen, [(Store, store)])

    async def _logic(self) -> None:
        """Use cases, for gateways and task."""
        from resonance.services.accounts import Accounts
        from resonance.services.conversations import Conversations
        from resonance.services.delivery import Delivery
        from resonance.services.friends import Friends
        from resonance.services.messages import Messages

        store = await self._shared_store()
        logic = await self._make_logic(store)
        await logic.start()
        self._on_close(logic.close)
        self._linked = logic.linked
        services = [
            (Accounts, logic.services.accounts),
            (Friends, logic.services.friends),
            (Conversations, logic.services.conversations),
            (Messages, logic.services.messages),
            (Delivery, logic.delivery),
        ]
        listen = paths.address(self._settings, self._settings.roles.logic_listen)
        parts = LogicParts(logic.services, logic.delivery, logic.link, store)
        servants = [servant for dialect in self._dialects for servant in dialect.logic_servants(parts)]
        authenticate = logic.services.accounts.authenticate
        await self._start_rpc("logic", "roles.logic_listen", listen, services, logic.link, servants, authenticate)

    async def _task(self) -> None:
        """Derived work."""
        from resonance.rpc.remote import remote
        from resonance.services.delivery import Delivery

        logic = await self._pool(self._settings.logic_service_name)
        store = await self._shared_store()
        await self._start_task(store, remote(Delivery, logic))

    async def _gateway(self) -> None:
        """The front doors, over a logic elsewhere."""
        from resonance.rpc.connector import Logics
        from resonance.rpc.link import GrpcConnector
        from resonance.rpc.remote import remote
        from resonance.services import LogicServices
        from resonance.services.accounts import Accounts
        from resonance.services.conversations import Conversations
        from resonance.services.friends import Friends
        from resonance.services.messages import Messages

        logic = await self._pool(self._settings.logic_service_name)
        services = LogicServices(
            remote(Accounts, logic), remote(Friends, logic), remote(Conversations, logic), remote(Messages, logic)
        )
        rpc = self._settings.rpc
        gateway = self._make_gateway(services, Logics(logic.watch, lambda one: GrpcConnector(one.address, rpc)))
        service = self._settings.service
        listen = f"{service.host}:{service.grpc_port}"
        servants = [s for dialect in self._dialects for s in dialect.gateway_servants(gateway.downlink)]
        authenticate = services.accounts.authenticate
        await self._start_rpc("grpc", "service.host", listen, [], None, servants, authenticate)
        await self._start_gateway(gateway)

    # ------------------------------------------------------------ parts

    async def _open_store(self) -> Store:
        """Open the store and keep house in it."""
        from resonance.repo.role import RepoRole
        from resonance.stores import make_store

        store = make_store(self._settings)
        await store.start()

        async def close() -> None:
            store.close()
            await store.join()

        self._on_close(close)
        repo = RepoRole(store, self._settings.store)
        repo.start()
        self._on_close(repo.close)
        return store

    async def _make_logic(self, store: Store) -> LogicRole:
        from resonance.logic.role import LogicRole

        shared = Shared(self._settings)
        self._on_close(shared.close)
        routes, counters, cache = await shared.routes(), await shared.counters(), await shared.cache()
        queue = logic_queue(self._settings)
        return LogicRole(store, routes, counters, self._settings, self._secret(), queue, cache)

    async def _start_task(self, store: Store, delivery: object) -> None:
        from resonance.buses import DerivedWork
        from resonance.services.delivery import Delivery

        assert isinstance(delivery, Delivery)
        translations = [dialect.publications for dialect in self._dialects]
        work = DerivedWork(store, delivery, LogPush(), self._settings, self._owner(), translations)
        self._on_close(work.close)
        await work.start()

    def _owner(self) -> str:
        """Return what this process is called where only one may work; "" when it is the only one on its database.

        After a crash `serve`, which holds everything, goes on at once with the leases that it had; of tasks there may
        be several, which cannot be told from one another.
        """
        if self._role != "serve":
            return f"{self._role}-{secrets.token_hex(8)}"
        if self._settings.store.kind == "sqlite":  # it holds the file's lock
            return ""
        service = self._settings.service
        place = (socket.gethostname(), self._settings.data_dir.resolve(), service.http_port, service.instance)
        return f"serve-{hashlib.sha256(repr(place).encode()).hexdigest()[:32]}"

    async def _start_servants(self, store: Store, logic: LogicRole, gateway: GatewayRole) -> None:
        """Offer every role's services under other systems' names at one address, if there is one."""
        listen = self._settings.dialects.grpc_listen
        if listen is None:
            return
        parts = LogicParts(logic.services, logic.delivery, logic.link, store)
        servants = [
            servant
            for dialect in self._dialects
            for servant in (*dialect.logic_servants(parts), *dialect.gateway_servants(gateway.downlink))
        ]
        authenticate = logic.services.accounts.authenticate
        address = paths.address(self._settings, listen)
        await self._start_rpc("grpc", "dialects.grpc_listen", address, [], None, servants, authenticate)

    def _make_gateway(self, services: LogicServices, logics: Logics) -> GatewayRole:
        from resonance.gateway.role import GatewayRole

        return GatewayRole(services, logics, self._settings, self._dialects, gateway_queue(self._settings))

    async def _start_gateway(self, gateway: GatewayRole) -> None:
        from resonance.gateway.http.web import is_served

        self._on_close(gateway.close)
        await gateway.start()
        self._addresses["http"] = gateway.url
        if is_served(self._settings.web):
            self._addresses["web"] = f"{gateway.url.rstrip('/')}/app/"

    async def _start_rpc(
        self,
        name: str,
        key: str,
        listen: str,
        services: Sequence[Service],
        link: LinkService | None = None,
        servants: Sequence[Servant] = (),
        authenticate: Authenticate | None = None,
    ) -> None:
        """Offer services at an address.

        Args:
            name: what the address is called in the log.
            key: of the configuration, where it was set.

        Raises:
            ServiceError: INVALID_ARGUMENT, as nobody may listen there.
        """
        from resonance.rpc.server import RpcServer

        try:
            server = RpcServer(listen, services, link, self._settings.rpc, servants, authenticate)
        except ValueError as error:
            raise ServiceError(Code.INVALID_ARGUMENT, f"{key}: {error}", field=key) from error
        await server.start()
        self._addresses[name] = server.address

        async def close() -> None:
            await server.close()
            await server.join(DRAIN_S)
            await server.terminate()

        self._on_close(close)

    async def _wait_for(self, store: Store) -> None:
        """Wait until repo answers: roles may be started in any order."""
        while True:
            try:
                await store.info()
            except ServiceError as exc:
                if not exc.code.value.retry:
                    raise
                log.warning("waiting for repo", error=str(exc))
                await asyncio.sleep(RETRY_S)
            else:
                return

    def _secret(self) -> bytes:
        return load_secret(self._settings.auth.secret, self._settings.data_dir)

    def _make_discovery(self) -> Discovery | None:
        if self._role == "serve":
            return None
        from resonance.discovery import Discovery

        discovery = Discovery(self._role, self._settings)
        self._on_close(discovery.close)
        return discovery

    async def _pool(self, service: str) -> Pool:
        assert self._discovery is not None
        return await self._discovery.pool(service)

    async def _shared_store(self) -> Store:
        """Return the store that several processes use: repo's, or a server's, once it answers.

        Raises:
            ServiceError: INVALID_ARGUMENT when each is to open it itself, and it is a file with one owner.
        """
        from resonance.rpc.remote import remote

        if self._settings.roles.repo == "local":
            if self._settings.store.kind == "sqlite":
                reason = "roles.repo is local, and an SQLite file has one owner: set it to remote, or store.kind"
                raise ServiceError(Code.INVALID_ARGUMENT, reason, field="roles.repo")
            return await self._open_store()
        store = remote(Store, await self._pool(self._settings.repo_service_name))
        await self._wait_for(store)
        return store


def _calm_collector() -> None:
    """Keep what was made at start out of every collection, and collect less often.

    Messages make many short-lived tuples and no cycles; at the default of 700 allocations the collector runs several
    times per batch and finds nothing. What that saves was smaller than the spread of our measurements.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return uvloop's loops where there is uvloop."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
