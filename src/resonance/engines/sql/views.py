"""A conversation as one user sees it: the one function behind the list, the single look-up and sync."""

from __future__ import annotations

from collections.abc import Sequence

from resonance.domain.errors import Code, ServiceError, no_conversation
from resonance.domain.ids import ConversationId, UserId
from resonance.domain.model import (
    Conversation,
    ConversationKind,
    ConversationView,
    Entry,
    Member,
    User,
)
from resonance.domain.windows import unread, visible_end
from resonance.engines.sql.lists import chunks, listed
from resonance.engines.sql.rows import (
    CONVERSATION,
    ENTRY,
    MEMBER,
    USER,
    conversation_of,
    entry_row,
    member_of,
    qualified,
    user_of,
    values_of,
)
from resonance.engines.sql.tx import Row, Tx

UPDATED_AT = "COALESCE(f.updated_at, c.updated_at)"
"""When a conversation last changed for the caller, over `SEEN`."""
_SHOWN = ", ".join(f"COALESCE(f.{name}, c.{name}) AS c_{name}" for name in CONVERSATION.split(", "))
VIEW = f"{_SHOWN}, {qualified(MEMBER, 'm', 'm_')}"
"""The columns that `pair_of` needs, and no others, over `SEEN`."""
SEEN = """
    conversations c LEFT JOIN members m ON m.conversation_id = c.id AND m.user_id = :me
    LEFT JOIN farewells f ON f.user_id = m.user_id AND f.id = c.id
"""
"""Conversations as the user `:me` sees them: those that were left are as they were then, whatever happened since."""
_MEMBER_AT = len(CONVERSATION.split(", "))

_PLACES = 50
"""Places in logs that one statement asks for."""

_ONE = f"SELECT {VIEW} FROM {SEEN} WHERE c.id = :id"  # noqa: S608 - constants


async def membership(tx: Tx, user_id: str, conversation_id: str) -> tuple[Conversation, Member]:
    """Return a conversation as the caller sees it, and the caller's membership (in an open one: maybe a made-up one).

    Raises:
        ServiceError: CONVERSATION_NOT_FOUND, also for a single one of others; NOT_MEMBER for who never was one.
    """
    row = await tx.one(_ONE, id=conversation_id, me=user_id)
    if row is None:
        raise no_conversation(conversation_id)
    conversation, member = pair_of(user_id, row)
    if row["m_user_id"] is not None or conversation.kind is ConversationKind.OPEN:
        return conversation, member
    if conversation.kind is ConversationKind.SINGLE:
        raise no_conversation(conversation_id)
    raise ServiceError(Code.NOT_MEMBER, f"{user_id} was never a member of {conversation_id}")


def open_member(conversation_id: ConversationId, user_id: str) -> Member:
    """Return the membership that everybody has in an open conversation without a row: all is visible, nothing read."""
    return Member(conversation_id, UserId(user_id))


def pair_of(user_id: str, row: Row) -> tuple[Conversation, Member]:
    """Return the conversation and the caller's membership of a row with the columns `VIEW`.

    A row of an open conversation may have no membership: then it is the made-up one.
    """
    values = values_of(row)
    conversation = conversation_of(values[:_MEMBER_AT])
    if values[_MEMBER_AT] is None:
        return conversation, open_member(conversation.id, user_id)
    return conversation, member_of(values[_MEMBER_AT:])


async def views_of(
    tx: Tx, user_id: str, pairs: Sequence[tuple[Conversation, Member]], with_last: bool = True
) -> list[ConversationView]:
    """Return what these conversations look like to the caller, whose memberships stand beside them."""
    last = await _last_entries(tx, pairs) if with_last else {}
    peers = await _peers(tx, user_id, [c.id for c, _ in pairs if c.kind is ConversationKind.SINGLE])
    return [
        ConversationView(
            conversation=conversation,
            member=member,
            last_entry=last.get(conversation.id),
            visible_seq=visible_end(member.window, conversation.max_seq),
            unread=unread_of(conversation, member.read_ordinal, member.end_ordinal),
            peer=peers.get(conversation.id),
        )
        for conversation, member in pairs
    ]


def unread_of(conversation: Conversation, read_ordinal: int, end_ordinal: int | None) -> int:
    """Return how many countable messages of a window are after the pointer (arguments as in `Member`)."""
    return unread(conversation.ordinal if end_ordinal is None else end_ordinal, read_ordinal)


async def _last_entries(tx: Tx, pairs: Sequence[tuple[Conversation, Member]]) -> dict[str, Entry]:
    """Return the newest visible entry of each conversation that shows one."""
    wanted = [
        (conversation.id, end)
        for conversation, member in pairs
        if (end := visible_end(member.window, conversation.max_seq)) >= member.min_seq
    ]
    found: dict[str, Entry] = {}
    for part in chunks(wanted, _PLACES):
        either = " OR ".join(f"(conversation_id = :id{i} AND seq = :seq{i})" for i in range(len(part)))
        params = {
            f"{name}{i}": value
            for i, place in enumerate(part)
            for name, value in zip(("id", "seq"), place, strict=True)
        }
        rows = await tx.all(f"SELECT {ENTRY} FROM entries WHERE {either}", **params)  # noqa: S608
        found.update((row["conversation_id"], entry_row(row)) for row in rows)
    return found


async def _peers(tx: Tx, user_id: str, singles: Sequence[str]) -> dict[str, User]:
    """Return the other user of each single conversation (the user itself in a conversation with itself)."""
    peers: dict[str, User] = {}
    for part in chunks(singles):
        places, params = listed("id", part)
        rows = await tx.all(
            f"SELECT {qualified(USER, 'u')}, m.conversation_id FROM members m JOIN users u ON u.id = m.user_id "  # noqa: S608
            f"WHERE m.conversation_id IN ({places})",
            **params,
        )
        for row in rows:
            if row["id"] != user_id or row["conversation_id"] not in peers:
                peers[row["conversation_id"]] = user_of(values_of(row)[:-1])
    return peers
