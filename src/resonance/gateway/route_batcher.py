"""Announcing connections to one logic, in batches: seed 001's status batcher."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from resonance.config.settings import StatusBatcher
from resonance.domain.model import Route
from resonance.services.link import RouteDelta, UpFrame


class RouteSender(Protocol):
    """What the batcher needs of the link."""

    up: bool

    @property
    def is_primary(self) -> bool:
        """Whether logic is to tell others who came and went."""

    def send(self, frame: UpFrame) -> None:
        """Put a frame on its way up, if there is a link."""


class RouteBatcher:
    """Collects connects and disconnects into deltas, one on its way at a time.

    An idle gateway sends a change at once; under a storm a delta holds what came while the one before was being
    acknowledged, and is sent early when it is full or has waited for the flush interval (seed 001's status batcher).
    It collects from the snapshot with which a link begins to the end of that link.

    Attributes:
        begun: whether there is such a snapshot; what is not in it has to be announced.
    """

    def __init__(self, link: RouteSender, settings: StatusBatcher) -> None:
        self._link = link
        self._settings = settings
        self.begun = False
        self._opened: dict[int, Route] = {}
        self._closed: list[int] = []
        # the connections that a delta on its way announces, by its number
        self._sent: dict[int, list[int]] = {}
        # those of the snapshot, until it is welcomed
        self._snapshot: list[int] = []
        self._number = 0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, routes: Sequence[Route]) -> list[Route]:
        """Begin with a snapshot, and return it; changes from now on are announced behind it."""
        self.stop()
        self.begun = True
        self._snapshot = [route.connection for route in routes]
        return list(routes)

    def stop(self) -> None:
        """The link is over: the next snapshot says everything."""
        self.begun = False
        self._opened, self._closed, self._sent, self._snapshot = {}, [], {}, []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def open(self, route: Route) -> None:
        """Announce a connection."""
        if self.begun:
            self._opened[route.connection] = route
            self._schedule()

    def close(self, connection: int) -> None:
        """Announce that a connection is gone; one not yet announced is simply forgotten."""
        if self.begun and self._opened.pop(connection, None) is None:
            self._closed.append(connection)
            self._schedule()

    def welcomed(self) -> list[int]:
        """The snapshot is known to logic; return its connections."""
        known, self._snapshot = self._snapshot, []
        self._schedule()
        return known

    def acked(self, number: int) -> list[int]:
        """A delta is known to logic; return the connections that it announced."""
        known = self._sent.pop(number, [])
        if not self._sent:
            self._send()
        return known

    def say_primary(self) -> None:
        """Tell logic now, with what is to be announced, whether it tells others of who comes and goes from here on."""
        if self._link.up:
            self._send_delta()

    def _schedule(self) -> None:
        """Send now, or when the delta on its way is acknowledged, but not later than the settings allow."""
        if not self._link.up:
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
        if self._link.up and (self._opened or self._closed):
            self._send_delta()

    def _send_delta(self) -> None:
        self._number += 1
        self._sent[self._number] = list(self._opened)
        delta = RouteDelta(self._number, list(self._opened.values()), self._closed, self._link.is_primary)
        self._opened, self._closed = {}, []
        self._link.send(delta)
