"""Messages: sending over HTTP, reading, pointers, and sync. (Sending over a connection goes by `services.link`.)"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from resonance.domain.model import Caller, EntryPage, InboxPage, Reader, ReadState, SendAnswer, SendItem, SyncPage


class Messages(ABC):
    """Sending and reading. Refusals are `ServiceError`s; reads are clamped to the caller's window."""

    @abstractmethod
    async def send(self, caller: Caller, item: SendItem) -> SendAnswer:
        """Send one message and wait until it is durable; safe to repeat with the same client_msg_id.

        Refusals come inside the answer (`code`, `error`), as they do on a connection. The item's sender must be the
        caller.
        """

    @abstractmethod
    async def history(self, caller: Caller, conversation_id: str, before_seq: int, limit: int) -> EntryPage:
        """Return the newest entries before a seq (0: the newest of all), ascending; limit 1–200."""

    @abstractmethod
    async def pull(self, caller: Caller, conversation_id: str, begin: int, end: int, limit: int) -> EntryPage:
        """Return entries from `begin` on up to `end` (0: the end), ascending; limit 1–500."""

    @abstractmethod
    async def pick(self, caller: Caller, conversation_id: str, seqs: Sequence[int]) -> EntryPage:
        """Return those of these (at most 500) entries that the caller may see, ascending."""

    @abstractmethod
    async def heads(self, caller: Caller, conversation_ids: Sequence[str]) -> dict[str, int]:
        """Return the last visible seq of each of these (at most 500) conversations the caller knows."""

    @abstractmethod
    async def mark_read(self, caller: Caller, conversation_id: str, seq: int) -> ReadState:
        """Move the caller's pointer forward to `seq` (0: the end), clamped to what is visible."""

    @abstractmethod
    async def typing(self, caller: Caller, conversation_id: str) -> None:
        """Tell the other members who are online that the caller is writing; ephemeral, for small conversations."""

    @abstractmethod
    async def readers(self, caller: Caller, conversation_id: str, seq: int) -> list[Reader]:
        """Return up to 500 members who have read up to `seq`, for members."""

    @abstractmethod
    async def sync(self, caller: Caller, token: str, limit: int) -> SyncPage:
        """Return what changed since a token; limit 1–1000."""

    @abstractmethod
    async def inbox(self, caller: Caller, cursor: int, limit: int) -> InboxPage:
        """Return the caller's inbox after a cursor (cursor-style clients); limit 1–500."""
