"""Presence: who is online, and telling their friends.

Ephemeral: no event, no row but `last_seen_at`; a client that missed a signal reads the state. Somebody who comes back
within the confirmation delay was never offline to others.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import structlog

from resonance.config.settings import Presence as PresenceSettings
from resonance.domain.errors import ServiceError
from resonance.domain.ids import UserId
from resonance.domain.model import PresenceState
from resonance.domain.signals import Presence
from resonance.logic.delivery import LiveDelivery
from resonance.logic.seams import Clock
from resonance.observe import metrics
from resonance.ports.routes import RouteChange, Routes
from resonance.ports.store import Store
from resonance.services.delivery import SignalTo

log = structlog.get_logger(__name__)

LOOK_AGAIN_S = 1.0
"""Pause, beside the delay, before somebody who may be anywhere is looked for again."""


class PresenceTracker:
    """Turns changes of routes into signals to friends, in batches (`seams.PresenceView`)."""

    def __init__(
        self,
        store: Store,
        routes: Routes,
        delivery: LiveDelivery,
        settings: PresenceSettings,
        clock: Clock,
    ) -> None:
        self._store = store
        self._routes = routes
        self._delivery = delivery
        self._settings = settings
        self._clock = clock
        # users whom friends believe to be online
        self._announced: set[str] = set()
        # users to be announced in the next round, and users without a connection with the loop time of its loss
        self._arrived: set[str] = set()
        self._leaving: dict[str, float] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tell."""
        self._task = asyncio.create_task(self._run(), name="presence")

    async def close(self) -> None:
        """Stop telling; remember when those who are online now were last seen."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        seen = self._announced | set(self._leaving)
        if seen:
            try:
                await self._store.touch_last_seen(sorted(seen), self._clock())
            except ServiceError as exc:  # the store may stop at the same time: no reason not to stop the rest
                log.warning("last seen not written", error=str(exc), users=len(seen))

    async def changed(self, change: RouteChange, *, tell: bool = True) -> None:
        """Take note of users whose first connection came or whose last one went.

        Args:
            tell: friends; False leaves that to the logic that this gateway has chosen for it.
        """
        now = asyncio.get_running_loop().time()
        for user_id in change.online:
            blinked = self._leaving.pop(user_id, None) is not None
            if not tell:
                self._announced.add(user_id)
            elif not (blinked if self._routes.shared else user_id in self._announced):
                self._arrived.add(user_id)
        for user_id in change.offline:
            self._arrived.discard(user_id)
            self._leaving[user_id] = now
            if not tell:
                self._announced.discard(user_id)
        self._wake.set()

    async def states(self, user_ids: Sequence[str]) -> list[PresenceState]:
        """Return one state for each of the users, in their order."""
        routes = await self._routes.routes_of(user_ids)
        seen = {user.id: user.last_seen_at for user in await self._store.users(user_ids)}
        return [
            PresenceState(
                UserId(user_id),
                user_id in routes or user_id in self._leaving,
                tuple(sorted({route.platform for _, route in routes.get(user_id, [])})),
                seen.get(UserId(user_id), 0),
            )
            for user_id in user_ids
        ]

    async def _run(self) -> None:
        while True:
            await self._wait()
            arrived, self._arrived = self._arrived, set()
            leaving = self._take_gone()
            known: set[str] = set()
            try:
                gone = await self._without_route(leaving)
                known = gone if self._routes.shared else gone & self._announced
                self._announced |= arrived
                self._announced -= gone
                metrics.logic_users_online.set(len(self._announced))
                await self._tell(arrived, online=True)
                if gone:
                    await self._store.touch_last_seen(sorted(gone), self._clock())
                    await self._tell(known, online=False)
            except ServiceError as exc:
                log.warning("presence is told later", error=str(exc), users=len(arrived) + len(leaving))
                self._put_back(arrived, leaving, known)
            except Exception:
                log.exception("presence is told later", users=len(arrived) + len(leaving))
                self._put_back(arrived, leaving, known)

    def _put_back(self, arrived: set[str], leaving: set[str], known: set[str]) -> None:
        """Have those of a round that failed in a later one, but for who has come or gone again meanwhile.

        Args:
            known: those of `leaving` whom friends believe to be online.
        """
        later = asyncio.get_running_loop().time() + LOOK_AGAIN_S
        changed = self._arrived | self._leaving.keys()
        self._arrived |= arrived - changed
        self._leaving.update(dict.fromkeys(leaving - changed, later))
        self._announced |= known - changed
        asyncio.get_running_loop().call_later(LOOK_AGAIN_S, self._wake.set)

    async def _wait(self) -> None:
        """Wait for a change, or for the first of those leaving to be confirmed as gone."""
        timeout = None
        if self._leaving:
            first = next(iter(self._leaving.values()))
            timeout = max(0.0, first + self._settings.offline_delay - asyncio.get_running_loop().time())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):  # wait_for would swallow a cancellation that comes with the wake-up
                await self._wake.wait()
        self._wake.clear()

    def _take_gone(self) -> set[str]:
        """Take those out who have had no connection for the whole delay (kept in the order they left)."""
        until = asyncio.get_running_loop().time() - self._settings.offline_delay
        gone = set()
        for user_id, since in list(self._leaving.items()):
            if since > until:
                break
            del self._leaving[user_id]
            gone.add(user_id)
        return gone

    async def _without_route(self, users: set[str]) -> set[str]:
        """Return those of the users who have no connection, also none of which another logic was told; when that is
        not known, they are looked for again later.
        """
        if not users:
            return users
        located = await self._routes.locate(users)
        if located is None:
            later = asyncio.get_running_loop().time() + LOOK_AGAIN_S
            self._leaving.update(dict.fromkeys(users - self._leaving.keys(), later))
            return set()
        return users.difference(*located.values())

    async def _tell(self, users: set[str], *, online: bool) -> None:
        """Tell the friends of these users, in one batch."""
        if not users:
            return
        friends: dict[str, list[str]] = {}
        for edge in await self._store.friend_edges(sorted(users)):
            friends.setdefault(edge.user_id, []).append(edge.friend_id)
        now = self._clock()
        signals = [SignalTo(Presence(user, online, now), told) for user, told in friends.items()]
        if signals:
            await self._delivery.deliver_signals(signals)
