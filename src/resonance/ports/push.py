"""Offline push: telling a phone that is not connected (APNs, FCM, Web Push)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notification:
    """What an offline user is told: who wrote where, and the newest message's text or kind."""

    user_id: str
    conversation_id: str
    sender: str
    title: str
    body: str
    seq: int


class OfflinePush(ABC):
    """A way to notify users who have no connection."""

    @abstractmethod
    async def push(self, notifications: Sequence[Notification]) -> None:
        """Hand over notifications; raising means that all of them may be tried again."""
