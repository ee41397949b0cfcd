"""Friends: requests, the list, remarks and blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from resonance.domain.model import Caller, Friend, FriendRequest, PresenceState, RequestStatus, User


@dataclass(frozen=True, slots=True)
class FriendView:
    """A friend as the caller sees them: the row, the profile, and whether they are online.

    Where one has blocked the other, `presence` is that of somebody who never was online.
    """

    friend: Friend
    user: User
    presence: PresenceState


@dataclass(frozen=True, slots=True)
class FriendPage:
    """A page of friends by handle; `cursor` "" when there is no more."""

    items: list[FriendView]
    cursor: str


class Friends(ABC):
    """What a person does about others. Refusals are `ServiceError`s."""

    @abstractmethod
    async def request(self, caller: Caller, user_id: str, message: str) -> RequestStatus:
        """Ask somebody to become friends; ACCEPTED when they are at once (policy instant, or they had asked).

        Raises:
            ServiceError: USER_NOT_FOUND, ALREADY_FRIENDS, INVALID_ARGUMENT (oneself), BLOCKED (the caller blocks them),
                LIMIT_REACHED.
        """

    @abstractmethod
    async def decide(self, caller: Caller, sender: str, accept: bool) -> None:
        """Accept or reject somebody's request. Raises REQUEST_NOT_FOUND."""

    @abstractmethod
    async def requests(self, caller: Caller, received: bool, limit: int) -> list[FriendRequest]:
        """Return the requests the caller received or sent, the newest first; limit 1–100."""

    @abstractmethod
    async def page(self, caller: Caller, cursor: str, limit: int) -> FriendPage:
        """Return a page of friends; limit 1–500."""

    @abstractmethod
    async def remove(self, caller: Caller, user_id: str) -> None:
        """End a friendship on both sides. Raises USER_NOT_FOUND when there is none."""

    @abstractmethod
    async def set_remark(self, caller: Caller, user_id: str, remark: str) -> None:
        """Set the caller's own name for a friend; "" removes it."""

    @abstractmethod
    async def set_blocked(self, caller: Caller, user_id: str, blocked: bool) -> None:
        """Block somebody or end it.

        A blocked user's messages to the caller are refused as BLOCKED; their typing and receipts do not reach the
        caller, and neither sees the other's presence. What both do in groups is the groups' business.
        """

    @abstractmethod
    async def blocked(self, caller: Caller) -> list[Friend]:
        """Return whom the caller blocks."""
