"""Delivery: how task reaches live clients. Logic offers it, because logic holds the routes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from resonance.domain.model import Audience, Entry
from resonance.domain.signals import Signal

CONSUMERS = ("task", "receipts")
"""The consumers of events whose work is delivered here: what they have not done, no gateway has been given."""


@dataclass(frozen=True, slots=True)
class SignalTo:
    """A signal and the users it is for."""

    signal: Signal
    users: list[str]


class Delivery(ABC):
    """Pushes to whoever is online; what cannot be delivered is dropped, because clients sync."""

    @abstractmethod
    async def deliver_entries(self, entries: Sequence[Entry], audience: Sequence[Audience]) -> None:
        """Push entries of one conversation, ascending, to those of the audience that are online, each clamped to its
        window. For conversations too large for logic to deliver by itself, in slices.
        """

    @abstractmethod
    async def deliver_signals(self, signals: Sequence[SignalTo]) -> None:
        """Push signals to those of their users that are online."""

    @abstractmethod
    async def offline(self, user_ids: Sequence[str]) -> list[str]:
        """Return those of the users that have no connection anywhere."""
