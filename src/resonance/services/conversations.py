"""Conversations and groups: making them, joining, leaving, ruling them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from resonance.domain.model import (
    Caller,
    ConversationPage,
    ConversationView,
    GroupSettings,
    JoinRequest,
    MemberPage,
    MemberSettings,
    NewGroup,
    RequestStatus,
    Role,
)


class Conversations(ABC):
    """What members do with conversations. Rights are `resonance.domain.rights`; refusals are `ServiceError`s."""

    @abstractmethod
    async def open_single(self, caller: Caller, user_id: str) -> ConversationView:
        """Return the single conversation with somebody, made when it does not exist.

        Raises:
            ServiceError: USER_NOT_FOUND; BLOCKED or STRANGERS_REFUSED when it does not exist and the caller could not
                write in it.
        """

    @abstractmethod
    async def open_to_all(self, caller: Caller) -> ConversationView:
        """Return everybody's conversation, made when it does not exist: all users are its members from then on.

        Who asks for the first time begins at its end, with nothing unread.
        """

    @abstractmethod
    async def create_group(self, caller: Caller, group: NewGroup) -> ConversationView:
        """Create a group; repeating it with a caller-made group_id returns the same one.

        Raises:
            ServiceError: INVALID_ARGUMENT (no name, a group of no one but unknown users), USER_NOT_FOUND, GROUP_FULL,
                CONVERSATION_EXISTS, LIMIT_REACHED.
        """

    @abstractmethod
    async def get(self, caller: Caller, conversation_id: str) -> ConversationView:
        """Return one conversation. Raises CONVERSATION_NOT_FOUND, NOT_MEMBER."""

    @abstractmethod
    async def page(self, caller: Caller, cursor: str, limit: int, with_last: bool) -> ConversationPage:
        """Return a page of the caller's conversations, pinned first, then the latest changed; limit 1–200."""

    @abstractmethod
    async def set_member(self, caller: Caller, conversation_id: str, changes: MemberSettings) -> ConversationView:
        """Change the caller's own settings (pinned, notifications, nickname in the group)."""

    @abstractmethod
    async def join(self, caller: Caller, conversation_id: str, message: str) -> RequestStatus:
        """Join a group: ACCEPTED at once, or PENDING when it asks for approval.

        Raises:
            ServiceError: CONVERSATION_NOT_FOUND, CONVERSATION_DISSOLVED, ALREADY_MEMBER, GROUP_FULL.
        """

    @abstractmethod
    async def join_requests(self, caller: Caller, conversation_id: str) -> list[JoinRequest]:
        """Return pending wishes to join, for admins."""

    @abstractmethod
    async def decide_join(self, caller: Caller, conversation_id: str, user_id: str, accept: bool) -> None:
        """Accept or reject a wish to join. Raises REQUEST_NOT_FOUND, ROLE_INSUFFICIENT."""

    @abstractmethod
    async def add_members(self, caller: Caller, conversation_id: str, user_ids: Sequence[str]) -> list[str]:
        """Bring people in; return those who were not members before. Raises USER_NOT_FOUND, GROUP_FULL, …"""

    @abstractmethod
    async def remove_member(self, caller: Caller, conversation_id: str, user_id: str) -> None:
        """Remove somebody of lower rank."""

    @abstractmethod
    async def leave(self, caller: Caller, conversation_id: str) -> None:
        """Leave a group. Raises OWNER_MUST_STAY for its owner; MEMBER_INACTIVE the second time."""

    @abstractmethod
    async def set_role(self, caller: Caller, conversation_id: str, user_id: str, role: Role) -> None:
        """Make somebody admin or plain member (MEMBER or ADMIN only; ownership goes by `transfer`)."""

    @abstractmethod
    async def transfer(self, caller: Caller, conversation_id: str, user_id: str) -> None:
        """Give the group to another member; the caller becomes admin."""

    @abstractmethod
    async def mute_member(self, caller: Caller, conversation_id: str, user_id: str, seconds: int) -> None:
        """Silence a member for a time; 0 ends it."""

    @abstractmethod
    async def update_group(self, caller: Caller, conversation_id: str, settings: GroupSettings) -> ConversationView:
        """Change the group's name, picture, introduction, history, size, approval or mute-all."""

    @abstractmethod
    async def dissolve(self, caller: Caller, conversation_id: str) -> None:
        """End a group: it stays readable, nobody writes any more."""

    @abstractmethod
    async def members(self, caller: Caller, conversation_id: str, cursor: str, limit: int) -> MemberPage:
        """Return a page of members with their profiles, for members; limit 1–500."""
