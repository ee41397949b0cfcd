"""Live routes: on which gateways a user has connections now. Derived state: a gateway's snapshot heals it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from resonance.domain.model import Route


@dataclass(frozen=True, slots=True)
class RouteChange:
    """Users whose first connection came or whose last one went by a change of routes."""

    online: list[str]
    offline: list[str]


class Routes(ABC):
    """The table of live connections. A gateway is known by its id and epoch; a newer epoch replaces the older one."""

    @abstractmethod
    async def replace(self, gateway: str, epoch: int, routes: Sequence[Route]) -> RouteChange:
        """Make these the gateway's only routes (its snapshot); those of an older epoch are gone."""

    @abstractmethod
    async def apply(self, gateway: str, epoch: int, opened: Sequence[Route], closed: Sequence[int]) -> RouteChange:
        """Add routes and remove connections. A delta of an epoch that is not the current one changes nothing."""

    @abstractmethod
    async def drop(self, gateway: str, epoch: int) -> RouteChange:
        """Remove all routes of a gateway that is gone."""

    @abstractmethod
    async def locate(self, user_ids: Iterable[str]) -> dict[str, list[str]]:
        """Return, per gateway, those of the users that have a connection there. One call per delivery batch."""

    @abstractmethod
    async def routes_of(self, user_ids: Sequence[str]) -> dict[str, list[tuple[str, Route]]]:
        """Return every (gateway, route) of each of the users that has one (presence, kicks)."""
