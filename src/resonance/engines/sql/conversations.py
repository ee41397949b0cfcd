"""Conversations of every kind: making single and open ones, states for checking rights, the caller's list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from resonance.domain.errors import no_conversation
from resonance.domain.events import ConversationUpdated, MemberSettingsChanged
from resonance.domain.ids import OPEN_CONVERSATION, ConversationId, UserId, single_id
from resonance.domain.model import (
    Conversation,
    ConversationKind,
    ConversationPage,
    ConversationState,
    ConversationView,
    Member,
    MemberSettings,
)
from resonance.engines.sql.accounts import require_users
from resonance.engines.sql.cursors import decode_cursor, encode_cursor
from resonance.engines.sql.entries import move_pointer
from resonance.engines.sql.outbox import emit
from resonance.engines.sql.queries import all_in
from resonance.engines.sql.rows import CONVERSATION, MEMBER, conversation_row, member_row
from resonance.engines.sql.tx import Row, Tx
from resonance.engines.sql.views import SEEN, UPDATED_AT, VIEW, membership, pair_of, views_of
from resonance.engines.sql.writes import insert_conversation, insert_members, update_members
from resonance.ports.store import SMALL_CONVERSATION

# ---------------------------------------------------------------- making them


async def open_single(tx: Tx, user_id: str, peer: str) -> Conversation:
    """Return the single conversation of two users (or of one with itself), made when it does not exist."""
    conversation_id = single_id(UserId(user_id), UserId(peer))
    found = await find(tx, conversation_id)
    if found is not None:
        return found
    people = list(dict.fromkeys((user_id, peer)))
    await require_users(tx, people)
    made = Conversation(
        conversation_id,
        ConversationKind.SINGLE,
        max_members=len(people),
        version=1,
        member_count=len(people),
        created_at=tx.now,
        updated_at=tx.now,
    )
    await insert_conversation(tx, made, creator=user_id)
    await insert_members(
        tx, [Member(conversation_id, UserId(who), joined_at=tx.now, updated_at=tx.now) for who in people]
    )
    await emit(
        tx, conversation_id, ConversationUpdated(conversation_id, "created", user_id, tuple(people), made.version)
    )
    return made


async def ensure_open(tx: Tx, conversation_id: str, name: str) -> Conversation:
    """Return everybody's conversation, made when it does not exist."""
    found = await find(tx, conversation_id)
    if found is not None:
        return found
    made = Conversation(
        ConversationId(conversation_id),
        ConversationKind.OPEN,
        name=name,
        max_members=0,
        version=1,
        created_at=tx.now,
        updated_at=tx.now,
    )
    await insert_conversation(tx, made, creator="")
    return made


async def enter_open(tx: Tx, user_id: str, conversation_id: str) -> None:
    """Give somebody who has no row in everybody's conversation one whose pointer is at the end."""
    conversation, member = await membership(tx, user_id, conversation_id)
    if not await member_rows(tx, conversation_id, [user_id]):
        await move_pointer(tx, member, conversation.max_seq, conversation.ordinal)
        await emit(tx, conversation_id, MemberSettingsChanged(conversation_id, user_id))


async def find(tx: Tx, conversation_id: str) -> Conversation | None:
    """Return a conversation, or None when there is none."""
    row = await tx.one(f"SELECT {CONVERSATION} FROM conversations WHERE id = :id", id=conversation_id)  # noqa: S608
    return None if row is None else conversation_row(row)


async def require(tx: Tx, conversation_id: str) -> Conversation:
    """Return a conversation that has to exist. Raises CONVERSATION_NOT_FOUND."""
    found = await find(tx, conversation_id)
    if found is None:
        raise no_conversation(conversation_id)
    return found


# ---------------------------------------------------------------- states


async def states(tx: Tx, conversation_ids: Sequence[str], user_ids: Sequence[str]) -> list[ConversationState]:
    """Return the states of those conversations that exist, each of one version."""
    rows = await all_in(tx, f"SELECT {CONVERSATION} FROM conversations WHERE id IN (:values)", conversation_ids)  # noqa: S608
    found = [conversation_row(row) for row in rows]
    complete = await _small(tx, found)
    members = await _members_of(tx, found, complete, user_ids)
    singles = [conversation.id for conversation in found if conversation.kind is ConversationKind.SINGLE]
    blocked, friends = await _between(tx, singles)
    return [
        ConversationState(
            conversation,
            members.get(conversation.id, {}),
            complete=conversation.id in complete,
            blocked=frozenset(blocked.get(conversation.id, ())),
            friends=conversation.id in friends,
        )
        for conversation in found
    ]


async def _small(tx: Tx, conversations: Sequence[Conversation]) -> set[str]:
    """Return which of the conversations have few enough rows of members, present and past, to be read whole."""
    candidates = [
        conversation.id
        for conversation in conversations
        if conversation.kind is not ConversationKind.OPEN and conversation.member_count <= SMALL_CONVERSATION
    ]
    rows = await all_in(
        tx,
        "SELECT conversation_id, COUNT(*) AS number FROM members WHERE conversation_id IN (:values)"
        " GROUP BY conversation_id",
        candidates,
    )
    return {row["conversation_id"] for row in rows if row["number"] <= SMALL_CONVERSATION}


async def _members_of(
    tx: Tx, conversations: Sequence[Conversation], complete: set[str], user_ids: Sequence[str]
) -> dict[str, dict[str, Member]]:
    """Return the members by conversation and user: all of the complete ones, the named users' of the others."""
    rows = await all_in(tx, f"SELECT {MEMBER} FROM members WHERE conversation_id IN (:values)", sorted(complete))  # noqa: S608
    for conversation in conversations:
        if conversation.id not in complete:
            rows += await member_rows(tx, conversation.id, user_ids)
    members: dict[str, dict[str, Member]] = {}
    for row in rows:
        members.setdefault(row["conversation_id"], {})[row["user_id"]] = member_row(row)
    return members


async def member_rows(tx: Tx, conversation_id: str, user_ids: Sequence[str]) -> list[Row]:
    """Return the rows that these users have in a conversation."""
    return await all_in(
        tx,
        f"SELECT {MEMBER} FROM members WHERE conversation_id = :conversation_id AND user_id IN (:values)",  # noqa: S608
        user_ids,
        conversation_id=conversation_id,
    )


async def _between(tx: Tx, singles: Sequence[str]) -> tuple[dict[str, set[str]], set[str]]:
    """Return, of single conversations, whom the other side has blocked, and which are between friends."""
    rows = await all_in(
        tx,
        "SELECT m.conversation_id, f.friend_id, f.is_friend, f.blocked FROM members m"
        " JOIN members o ON o.conversation_id = m.conversation_id AND o.user_id <> m.user_id"
        " JOIN friends f ON f.user_id = m.user_id AND f.friend_id = o.user_id"
        " WHERE m.conversation_id IN (:values)",
        singles,
    )
    blocked: dict[str, set[str]] = {}
    sides: dict[str, int] = {}
    for row in rows:
        if row["blocked"]:
            blocked.setdefault(row["conversation_id"], set()).add(row["friend_id"])
        sides[row["conversation_id"]] = sides.get(row["conversation_id"], 0) + row["is_friend"]
    return blocked, {conversation_id for conversation_id, number in sides.items() if number == 2}


# ---------------------------------------------------------------- as the caller sees them


async def set_member(tx: Tx, user_id: str, conversation_id: str, changes: MemberSettings) -> ConversationView:
    """Change the caller's own settings of a conversation; a change of nothing writes nothing."""
    seen, member = await membership(tx, user_id, conversation_id)
    if changes != MemberSettings():
        member = replace(
            member,
            pinned=member.pinned if changes.pinned is None else changes.pinned,
            recv_opt=member.recv_opt if changes.recv_opt is None else changes.recv_opt,
            nickname=member.nickname if changes.nickname is None else changes.nickname,
            updated_at=tx.now,
        )
        if await member_rows(tx, conversation_id, [user_id]):
            await update_members(tx, [member])
        else:
            await insert_members(tx, [member])
        await emit(tx, conversation_id, MemberSettingsChanged(conversation_id, user_id))
    [view] = await views_of(tx, user_id, [(seen, member)])
    return view


async def conversation(tx: Tx, user_id: str, conversation_id: str) -> ConversationView:
    """Return one conversation as the caller sees it."""
    [view] = await views_of(tx, user_id, [await membership(tx, user_id, conversation_id)])
    return view


_LISTED = f"""
    SELECT {VIEW}
    FROM {SEEN}
    WHERE c.id IN (SELECT conversation_id FROM members WHERE user_id = :me UNION SELECT '{OPEN_CONVERSATION}')
    AND (m.max_seq IS NULL OR m.max_seq >= m.min_seq)
    AND (
        COALESCE(m.pinned, 0) < :pinned
        OR (COALESCE(m.pinned, 0) = :pinned AND {UPDATED_AT} < :updated_at)
        OR (COALESCE(m.pinned, 0) = :pinned AND {UPDATED_AT} = :updated_at AND c.id > :id)
    )
    ORDER BY COALESCE(m.pinned, 0) DESC, {UPDATED_AT} DESC, c.id
    LIMIT :limit
"""  # noqa: S608 - the columns are constants

_BEFORE_ALL: list[str | int] = [2, 0, ""]
"""A position before every row: nothing is pinned more than 1."""


async def conversations(tx: Tx, user_id: str, cursor: str, limit: int, with_last: bool) -> ConversationPage:
    """Return a page of the caller's conversations: pinned first, then by updated_at falling, then id."""
    pinned, updated_at, last_id = decode_cursor(cursor, int, int, str) if cursor else _BEFORE_ALL
    rows = await tx.all(
        _LISTED,
        me=user_id,
        pinned=pinned,
        updated_at=updated_at,
        id=last_id,
        limit=limit + 1,
    )
    page = [pair_of(user_id, row) for row in rows[:limit]]
    more = encode_cursor(*_position(*page[-1])) if len(rows) > limit else ""
    return ConversationPage(await views_of(tx, user_id, page, with_last), more)


def _position(listed: Conversation, member: Member) -> tuple[int, int, str]:
    """Return where a conversation stands in the list."""
    return int(member.pinned), listed.updated_at, listed.id
