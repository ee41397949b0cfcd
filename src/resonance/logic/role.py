"""The logic role: use cases, pipeline, delivery and links, put together over ports."""

from __future__ import annotations

import asyncio
import secrets
import time

import structlog

from resonance.config import Settings
from resonance.domain.errors import ServiceError
from resonance.domain.ids import OPEN_CONVERSATION
from resonance.logic.accounts import AccountsLogic
from resonance.logic.census import Census
from resonance.logic.conversations import ConversationsLogic
from resonance.logic.delivery import LiveDelivery, run_sweep
from resonance.logic.devices import Devices
from resonance.logic.friends import FriendsLogic
from resonance.logic.links import LinkHub, Links
from resonance.logic.logins import Logins
from resonance.logic.lookups import CachedLookups, Lookups
from resonance.logic.messages import MessageService
from resonance.logic.passwords import Passwords
from resonance.logic.pipeline import Pipeline
from resonance.logic.presence import PresenceTracker
from resonance.logic.queued import LogicQueue
from resonance.logic.rates import share_rates
from resonance.logic.snowflake import LEASE_MS, Snowflakes
from resonance.logic.states import States
from resonance.logic.tokens import Signer
from resonance.ports.cache import Cache
from resonance.ports.counters import Counters
from resonance.ports.routes import Routes
from resonance.ports.store import Store
from resonance.services import LogicServices
from resonance.services.link import LinkService

log = structlog.get_logger(__name__)

SWEEP_S = 1.0
RENEW_S = LEASE_MS / 1000 / 3
TEND_S = 1.0


def wall_ms() -> int:
    """Return the time in ms UTC."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Return ms on a clock that is never set: for how long something lasts."""
    return time.monotonic_ns() // 1_000_000


class LogicRole:
    """Everything of logic. `start` before anything is asked of `services`, `link` or `delivery`."""

    def __init__(
        self,
        store: Store,
        routes: Routes,
        counters: Counters,
        settings: Settings,
        secret: bytes,
        queue: LogicQueue | None = None,
        cache: Cache | None = None,
    ) -> None:
        """Begin with nothing.

        Args:
            queue: by which messages come and pushes go for gateways that want it.
            cache: where copies of what is read often are.
        """
        self._store = store
        self._queue = queue
        self._settings = settings
        self._routes = routes
        self._counters = counters
        self._lookups = CachedLookups(store, cache, settings.cache.profile_ttl) if cache else Lookups(store)
        self._links = Links()
        self._states = States(store)
        self._ids = Snowflakes(store, f"logic-{settings.service.instance}-{secrets.token_hex(8)}")
        self.delivery = LiveDelivery(store, self._states, routes, self._links, wall_ms, self._ids.is_own)
        self._pipeline = Pipeline(
            store, self._states, self._ids, self.delivery, settings.messages, settings.friends, wall_ms, self._lookups
        )
        self._presence = PresenceTracker(store, routes, self.delivery, settings.presence, wall_ms)
        self._passwords = Passwords(settings.accounts)
        self.services = self._build_services(secret, counters)
        self._link: LinkHub | None = None
        self._housekeeping: list[asyncio.Task[None]] = []

    def _build_services(self, secret: bytes, counters: Counters) -> LogicServices:
        settings, store, states, lookups = self._settings, self._store, self._states, self._lookups
        census = Census(store)
        devices = Devices(store, self._links, monotonic_ms, int(settings.auth.cache_ttl * 1000))
        signer = Signer(secret, settings.auth.issuer, wall_ms)
        logins = Logins(store, devices, signer, self._passwords, wall_ms, settings.accounts, settings.auth, counters)
        return LogicServices(
            accounts=AccountsLogic(store, logins, devices, signer, self._passwords, self._presence, wall_ms, lookups),
            friends=FriendsLogic(store, self._presence, states, settings.friends),
            conversations=ConversationsLogic(
                store, states, self._ids, settings.groups, wall_ms, census, strangers=settings.friends.strangers
            ),
            messages=MessageService(store, self._pipeline, self.delivery, states, census, lookups),
        )

    @property
    def link(self) -> LinkService:
        """Where gateways link to."""
        assert self._link is not None, "logic is not started"
        return self._link

    def linked(self) -> int:
        """Return how many gateways are linked now, with their routes known."""
        return sum(session.welcomed for session in self._links.sessions.values())

    async def start(self) -> None:
        """Take a worker lease, begin to sweep behind the outbox's head, and open for links."""
        info = await self._store.info()
        await self._ids.renew()
        if self._settings.open_conversation.enabled:
            await self._store.ensure_open(OPEN_CONVERSATION, self._settings.open_conversation.name)
        await self._lookups.start()
        await self.delivery.start_sweep()
        self._pipeline.start()
        self._presence.start()
        self._link = LinkHub(
            self._store,
            self._routes,
            self._links,
            self._pipeline,
            self.delivery,
            self._presence.changed,
            self._settings.rpc,
            info.epoch,
            self._queue,
        )
        if self._queue is not None:
            self._queue.start(self._pipeline, self._link)
        self._housekeeping = [
            asyncio.create_task(run_sweep(self.delivery, SWEEP_S), name="sweep"),
            asyncio.create_task(self._renew_lease(), name="lease"),
            asyncio.create_task(self._tend_routes(), name="routes"),
        ]
        if self._counters.shared:
            rates = share_rates(self._counters, self._pipeline.rates)
            self._housekeeping.append(asyncio.create_task(rates, name="rates"))

    async def close(self) -> None:
        """Stop accepting messages, commit and answer what is queued, end the links."""
        if self._queue is not None:
            await self._queue.close()
        self._pipeline.close()
        await self._pipeline.join()
        await asyncio.sleep(0)  # lets answers of the last batch reach links in this process
        for task in self._housekeeping:
            task.cancel()
        await asyncio.gather(*self._housekeeping, return_exceptions=True)
        await self._lookups.close()
        await self._presence.close()
        if self._link is not None:
            await self._link.close()
        if self._queue is not None:
            await self._queue.terminate()
        self._passwords.close()
        await self._passwords.join()

    async def _renew_lease(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await self._ids.renew()
            except ServiceError as exc:
                log.warning("worker lease not renewed", error=str(exc))
            except Exception:
                log.exception("worker lease not renewed; it is tried again")

    async def _tend_routes(self) -> None:
        """End what nobody renews, and tell of those who went with it."""
        while True:
            await asyncio.sleep(TEND_S)
            try:
                await self._presence.changed(await self._routes.tend())
            except Exception:
                log.exception("routes not tended; it is tried again")
