"""Reading: history, pulls, pointers and sync. The store clamps; here is only what a request may ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from resonance.domain.ids import check_conversation_id
from resonance.domain.model import Caller, EntryPage, InboxPage, Reader, ReadState, SyncPage
from resonance.domain.windows import sees
from resonance.logic import checks
from resonance.logic.census import Census
from resonance.logic.lookups import Lookups
from resonance.logic.membership import present_view
from resonance.ports.store import Store
from resonance.services.messages import Messages

MAX_HISTORY = 200
MAX_PULL = 500
MAX_HEADS = 500
MAX_READERS = 500
MAX_SYNC = 1_000
MAX_INBOX = 500


class Reading(Messages):
    """The reading half of `Messages`: whoever extends it adds sending and typing."""

    def __init__(self, store: Store, census: Census, lookups: Lookups | None = None) -> None:
        self._store = store
        self._census = census
        self._lookups = lookups or Lookups(store)

    async def history(self, caller: Caller, conversation_id: str, before_seq: int, limit: int) -> EntryPage:
        """Return the newest entries before a seq (0: the newest of all), ascending; limit 1–200."""
        known = check_conversation_id(conversation_id)
        before = checks.check_seq(before_seq, "before_seq")
        checks.check_limit(limit, MAX_HISTORY)
        # Before the first entry there is nothing; an end of 0 would mean the whole window, so ask for an empty range.
        begin, end = (2, 1) if before == 1 else (0, before - 1)
        return await self._lookups.read_entries(caller.user_id, known, begin, end, limit, newest=True)

    async def pull(self, caller: Caller, conversation_id: str, begin: int, end: int, limit: int) -> EntryPage:
        """Return entries from `begin` on up to `end` (0: the end), ascending; limit 1–500."""
        known = check_conversation_id(conversation_id)
        checks.check_seq(begin, "begin")
        checks.check_seq(end, "end")
        checks.check_limit(limit, MAX_PULL)
        return await self._lookups.read_entries(caller.user_id, known, begin, end, limit, newest=False)

    async def pick(self, caller: Caller, conversation_id: str, seqs: Sequence[int]) -> EntryPage:
        """Return those of these (at most 500) entries that the caller may see, ascending."""
        known = check_conversation_id(conversation_id)
        checks.check_count(seqs, "seqs", MAX_PULL)
        for seq in seqs:
            checks.check_seq(seq, "seqs")
        return await self._store.pick_entries(caller.user_id, known, seqs)

    async def heads(self, caller: Caller, conversation_ids: Sequence[str]) -> dict[str, int]:
        """Return the last visible seq of each of these (at most 500) conversations the caller knows."""
        checks.check_count(conversation_ids, "conversation_ids", MAX_HEADS)
        known = dict.fromkeys(check_conversation_id(value, "conversation_ids") for value in conversation_ids)
        return await self._store.heads(caller.user_id, list(known))

    async def mark_read(self, caller: Caller, conversation_id: str, seq: int) -> ReadState:
        """Move the caller's pointer forward to `seq` (0: the end), clamped to what is visible."""
        known = check_conversation_id(conversation_id)
        return await self._store.mark_read(caller.user_id, known, checks.check_seq(seq, "seq"))

    async def readers(self, caller: Caller, conversation_id: str, seq: int) -> list[Reader]:
        """Return up to 500 members who have read up to `seq`, for members."""
        checks.check_range(seq, "seq", 1, checks.MAX_INTEGER)
        view = await present_view(self._store, caller, conversation_id)
        if not sees(view.member.window, seq):
            return []
        return await self._store.readers(view.conversation.id, seq, MAX_READERS)

    async def sync(self, caller: Caller, token: str, limit: int) -> SyncPage:
        """Return what changed since a token; limit 1–1000."""
        known = checks.check_opaque(token, "token")
        page = await self._store.sync(caller.user_id, known, checks.check_limit(limit, MAX_SYNC))
        return replace(page, conversations=await self._census.complete(page.conversations))

    async def inbox(self, caller: Caller, cursor: int, limit: int) -> InboxPage:
        """Return the caller's inbox after a cursor (cursor-style clients); limit 1–500."""
        checks.check_range(cursor, "cursor", 0, checks.MAX_INTEGER)
        return await self._store.read_inbox(caller.user_id, cursor, checks.check_limit(limit, MAX_INBOX))
