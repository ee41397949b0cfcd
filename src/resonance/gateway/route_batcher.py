"""Announcing connections to logic, in batches: seed 001's status batcher."""

from __future__ import annotations

import asyncio
from typing import Protocol

from resonance.config.settings import StatusBatcher
from resonance.domain.closes import Close
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Route
from resonance.services.link import RouteAck, RouteDelta, RouteRefusal, UpFrame


class RouteSender(Protocol):
    """What the batcher needs of the uplink."""

    connected: bool

    def send(self, frame: UpFrame) -> None:
        """Put a frame on its way up, if there is a link."""


class RouteBatcher:
    """Collects connects and disconnects into deltas, one on its way at a time.

    An idle gateway sends a change at once; under a storm a delta holds what came while the one before was being
    acknowledged, and is sent early when it is full or has waited for the flush interval (seed 001's status batcher).
    """

    def __init__(self, uplink: RouteSender, settings: StatusBatcher, deadline: float) -> None:
        self._uplink = uplink
        self._settings = settings
        self._deadline = deadline
        # every announced connection, for snapshots
        self._routes: dict[int, Route] = {}
        self._opened: dict[int, Route] = {}
        self._closed: list[int] = []
        # who waits for an ack, by connection; and which connections a delta on its way announces
        self._waiting: dict[int, asyncio.Future[Close | None]] = {}
        self._sent: dict[int, list[int]] = {}
        self._number = 0
        self._timer: asyncio.TimerHandle | None = None

    async def open(self, route: Route) -> Close | None:
        """Announce a connection; return once logic knows it, with why it must not live, or None."""
        acked: asyncio.Future[Close | None] = asyncio.get_running_loop().create_future()
        self._routes[route.connection] = self._opened[route.connection] = route
        self._waiting[route.connection] = acked
        self._schedule()
        refused: Close | None = Close.UNAVAILABLE
        try:
            refused = await asyncio.wait_for(acked, self._deadline)
        except TimeoutError:
            raise ServiceError(Code.UNAVAILABLE, "logic does not answer now: connect again later") from None
        finally:
            self._waiting.pop(route.connection, None)
            if refused is not None:
                self.close(route.connection)
        return refused

    def close(self, connection: int) -> None:
        """Announce that a connection is gone; one not yet announced is simply forgotten."""
        if self._routes.pop(connection, None) is None:
            return
        if self._opened.pop(connection, None) is None:
            self._closed.append(connection)
            self._schedule()

    def snapshot(self) -> list[Route]:
        """Return every connection; pending deltas are part of it."""
        self._opened, self._closed, self._sent = {}, [], {}
        return list(self._routes.values())

    def welcomed(self, refused: list[RouteRefusal]) -> None:
        """The snapshot is known to logic."""
        self._resolve([number for number in self._waiting if number not in self._opened], refused)
        self._schedule()

    def acked(self, ack: RouteAck) -> None:
        """A delta is known to logic."""
        self._resolve(self._sent.pop(ack.number, []), ack.refused)
        if not self._sent:
            self._send()

    def _resolve(self, connections: list[int], refused: list[RouteRefusal]) -> None:
        closes = {refusal.connection: Close.of(refusal.close) for refusal in refused}
        for connection in connections:
            waiting = self._waiting.get(connection)
            if waiting is not None and not waiting.done():
                waiting.set_result(closes.get(connection))

    def _schedule(self) -> None:
        """Send now, or when the delta on its way is acknowledged, but not later than the settings allow."""
        if not self._uplink.connected:
            return
        loop = asyncio.get_running_loop()
        if len(self._opened) + len(self._closed) >= self._settings.batch_size:
            self._send()
        elif self._timer is None:
            wait = self._settings.flush_interval if self._sent else 0
            self._timer = loop.call_later(wait, self._send)

    def _send(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._uplink.connected or not (self._opened or self._closed):
            return
        self._number += 1
        self._sent[self._number] = list(self._opened)
        delta = RouteDelta(self._number, list(self._opened.values()), self._closed)
        self._opened, self._closed = {}, []
        self._uplink.send(delta)
