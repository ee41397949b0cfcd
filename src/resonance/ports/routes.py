"""Live routes: on which gateways a user has connections now. Derived state: a gateway's snapshot heals it.

A table may be one logic's own, or one that several logics share. In a shared one each logic's announcements stand
beside those of others: a user is online as long as somebody has announced a connection of theirs.

No call fails because a shared table cannot be reached. What a logic announces meanwhile is kept and written later
(`tend`), `locate` says that it does not know, and `routes_of` answers from what this logic was told itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from resonance.domain.model import Route


@dataclass(frozen=True, slots=True)
class RouteChange:
    """Users whose first connection came or whose last one went by a change of routes.

    Of all who share a table, exactly one is told of each.
    """

    online: list[str]
    offline: list[str]


class Routes(ABC):
    """The table of live connections. A gateway is known by its id and epoch; a newer epoch replaces the older one.

    Attributes:
        shared: whether several logics have one table, so that a change told to one of them is told to no other.
    """

    shared = False

    @abstractmethod
    async def replace(self, gateway: str, epoch: int, routes: Sequence[Route]) -> RouteChange:
        """Make these the gateway's only routes (its snapshot); those of an older epoch are gone. Begins its lease."""

    @abstractmethod
    async def apply(self, gateway: str, epoch: int, opened: Sequence[Route], closed: Sequence[int]) -> RouteChange:
        """Add routes and remove connections. A delta of an epoch that is not the current one changes nothing."""

    @abstractmethod
    async def drop(self, gateway: str, epoch: int) -> RouteChange:
        """Remove all routes of a gateway that is gone."""

    @abstractmethod
    def renew(self, gateway: str, epoch: int) -> None:
        """Begin the lease of a gateway anew: it lives. Never blocks; cheap enough for each heartbeat."""

    @abstractmethod
    async def tend(self) -> RouteChange:
        """Keep house: end the routes of gateways whose lease is over, and write what could not be written before.

        To be called every second or so by every logic, also when no gateway is linked.
        """

    @abstractmethod
    async def locate(self, user_ids: Iterable[str]) -> dict[str, list[str]] | None:
        """Return, per gateway, those of the users that have a connection there. One call per delivery batch.

        None when that is not known now: everybody may be anywhere. A gateway may be named that has none any more.
        """

    @abstractmethod
    async def routes_of(self, user_ids: Sequence[str]) -> dict[str, list[tuple[str, Route]]]:
        """Return every (gateway, route) of each of the users that has one (presence, kicks)."""
