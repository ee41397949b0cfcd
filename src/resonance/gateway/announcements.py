"""Which connections there are, and waiting until every logic knows of one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from resonance.domain.closes import Close
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Route
from resonance.gateway.logic_link import LogicLink
from resonance.services.link import RouteRefusal

PATIENCE = 0.5
"""The part of the deadline that every logic has; one that takes longer is linked to anew while another answers."""


@dataclass(eq=False, slots=True)
class _Opening:
    """A connection that waits to be known.

    Attributes:
        pending: the links whose logic has not acknowledged it.
        known: whether some logic has.
    """

    pending: set[LogicLink]
    done: asyncio.Future[Close | None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    known: bool = False

    def settle(self) -> None:
        """End the waiting when nobody is waited for any more, and somebody knows."""
        if self.known and not self.pending and not self.done.done():
            self.done.set_result(None)


class Announcements:
    """Every connection with its route, announced on every link."""

    def __init__(self, links: Callable[[], Iterable[LogicLink]], deadline: float) -> None:
        """Begin with none.

        Args:
            links: returns the links that there are, up or not.
            deadline: s that a connection may wait to be known.
        """
        self._links = links
        self._deadline = deadline
        self.routes: dict[int, Route] = {}
        self._waiting: dict[int, _Opening] = {}

    async def open(self, route: Route) -> Close | None:
        """Announce a connection; return once every linked logic knows it, with why it must not live, or None.

        Raises:
            ServiceError: UNAVAILABLE when no logic acknowledges it within the deadline.
        """
        links = list(self._links())
        # also those that have not welcomed us: their snapshot is without this one
        opening = _Opening({link for link in links if link.routes.begun})
        self.routes[route.connection] = route
        self._waiting[route.connection] = opening
        for link in links:
            link.routes.open(route)
        refused: Close | None = Close.UNAVAILABLE
        try:
            refused = await self._known(opening)
        finally:
            self._waiting.pop(route.connection, None)
            if refused is not None:
                self.close(route.connection)
        return refused

    async def _known(self, opening: _Opening) -> Close | None:
        """Wait for every logic, but not for long for one that hangs while another answers."""
        first = self._deadline * PATIENCE
        await asyncio.wait({opening.done}, timeout=first)
        if not opening.done.done() and opening.known:
            for link in list(opening.pending):
                link.give_up()
        await asyncio.wait({opening.done}, timeout=self._deadline - first)
        if not opening.done.done():
            opening.done.cancel()
            raise ServiceError(Code.UNAVAILABLE, "logic does not answer now: connect again later")
        return opening.done.result()

    def close(self, connection: int) -> None:
        """Announce that a connection is gone."""
        if self.routes.pop(connection, None) is not None:
            for link in self._links():
                link.routes.close(connection)

    def known(self, link: LogicLink, connections: Sequence[int], refused: Sequence[RouteRefusal]) -> None:
        """A logic knows these connections, and will not have some of them."""
        if not self._waiting:
            return
        closes = {refusal.connection: Close.of(refusal.close) for refusal in refused}
        for connection in connections:
            opening = self._waiting.get(connection)
            if opening is None or opening.done.done():
                continue
            opening.pending.discard(link)
            opening.known = True
            if (close := closes.get(connection)) is not None:
                opening.done.set_result(close)
            opening.settle()

    def lost(self, link: LogicLink) -> None:
        """A link is lost: nobody waits for it."""
        for opening in self._waiting.values():
            opening.pending.discard(link)
            opening.settle()
