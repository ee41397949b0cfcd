"""What people do with sessions, for a caller who is known: the web client by Connect, services by gRPC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from resonance._proto.gateway.v1 import api_pb2, packet_pb2
from resonance.config import Settings
from resonance.domain.errors import ServiceError, invalid
from resonance.domain.model import Caller, ConversationKind, ConversationView, Entry, NewGroup
from resonance.domain.windows import History
from resonance.gateway.dialects.resonance.tables import (
    TYPES,
    SessionIds,
    contact_info,
    push_message,
    session_info,
    session_meta,
)
from resonance.gateway.http.listing import conversation_views
from resonance.services import LogicServices
from resonance.services.accounts import Tokens

MAX_SESSIONS = 1_000
"""Longest list; it has no pages."""
MAX_FOUND = 50
HISTORY_LIMIT, HISTORY_MOST = 20, 100
DELTA_LIMIT, DELTA_MOST = 100, 500
"""Messages in an answer when the caller names no limit, and at most."""

_SINGLE = TYPES[ConversationKind.SINGLE]


class Delta(NamedTuple):
    """A page of the inbox, and the cursor behind it."""

    events: list[api_pb2.InboxEvent]
    cursor: int
    more: bool


class Sessions:
    """Translates to logic's services; refusals are theirs."""

    def __init__(self, services: LogicServices, settings: Settings) -> None:
        self._services = services
        self._ids = SessionIds(settings.dialects.resonance_room)
        self._history = History[settings.groups.history.upper()]

    async def arrive(self, tokens: Tokens) -> None:
        """Let somebody who logged in into the room, if there is one; who comes first has nothing to catch up with."""
        if self._ids.room:
            await self._services.conversations.open_to_all(Caller(tokens.user.id, 0, tokens.device_id))

    async def listed(self, caller: Caller) -> list[api_pb2.SessionInfo]:
        """Return the caller's sessions with their last messages."""
        shown = ((self._ids.session(view.conversation.id), view) for view in await self._views(caller))
        return [session_info(view, session_id) for session_id, view in shown if session_id]

    async def create(self, caller: Caller, members: Iterable[str], name: str, kind: int) -> str:
        """Open the single session with somebody, or make a group; return its id."""
        conversations = self._services.conversations
        others = [member for member in dict.fromkeys(members) if member != caller.user_id]
        if kind == _SINGLE:
            if len(others) != 1:
                raise invalid("members", f"a single session has one other member, not {len(others)}")
            return (await conversations.open_single(caller, others[0])).conversation.id
        made = NewGroup(name, members=tuple(others), history=self._history)
        return (await conversations.create_group(caller, made)).conversation.id

    async def history(
        self, caller: Caller, session_id: str, before_seq: int, limit: int
    ) -> list[packet_pb2.PushMessage]:
        """Return the newest messages before a seq, ascending."""
        size = _limit(limit, HISTORY_LIMIT, HISTORY_MOST)
        known = self._ids.conversation(session_id)
        page = await self._services.messages.history(caller, known, before_seq, size)
        return [push_message(entry, session_id) for entry in page.entries]

    async def contacts(self, caller: Caller) -> list[api_pb2.ContactInfo]:
        """Return the other members of the caller's single sessions."""
        peers = [view.peer for view in await self._views(caller) if view.peer is not None]
        return [contact_info(peer) for peer in peers if peer.id != caller.user_id]

    async def search(self, caller: Caller, query: str) -> list[api_pb2.ContactInfo]:
        """Return people whose handle or nickname holds the query."""
        return [contact_info(user) for user in await self._services.accounts.search(caller, query, MAX_FOUND)]

    async def read(self, caller: Caller, session_id: str, seq: int) -> int:
        """Move the caller's pointer forward, and return what is left unread.

        Nothing is before seq 1: the core's 0, the end, is none of Resonance's, where it is what a field is by default.
        """
        known = self._ids.conversation(session_id)
        if seq == 0:
            return (await self._services.conversations.get(caller, known)).unread
        return (await self._services.messages.mark_read(caller, known, seq)).unread

    async def delta(self, caller: Caller, cursor: int, limit: int) -> Delta:
        """Return what came in after a cursor, each message with what a client needs to show its session."""
        page = await self._services.messages.inbox(caller, cursor, _limit(limit, DELTA_LIMIT, DELTA_MOST))
        metas = await self._metas(caller, [item.entry for item in page.items])
        events = [
            api_pb2.InboxEvent(
                inbox_id=item.position, message=push_message(item.entry, session_id, metas.get(session_id))
            )
            for item in page.items
            if (session_id := self._ids.session(item.entry.conversation_id))
        ]
        return Delta(events, page.cursor, page.more)

    async def _views(self, caller: Caller) -> list[ConversationView]:
        return await conversation_views(self._services.conversations, caller, MAX_SESSIONS)

    async def _metas(self, caller: Caller, entries: Sequence[Entry]) -> dict[str, packet_pb2.SessionMeta]:
        """Return what the sessions of some messages are called, by session; none of those that cannot be read now."""
        metas: dict[str, packet_pb2.SessionMeta] = {}
        for conversation_id in dict.fromkeys(entry.conversation_id for entry in entries):
            session_id = self._ids.session(conversation_id)
            if session_id:
                try:
                    metas[session_id] = session_meta(await self._services.conversations.get(caller, conversation_id))
                except ServiceError:
                    continue  # the messages are worth more than their titles
        return metas


def _limit(asked: int, usual: int, most: int) -> int:
    """Return how many messages to answer; Resonance's own server clamped, too."""
    return min(asked, most) if asked > 0 else usual
