"""Reading logs, and read pointers."""

from __future__ import annotations

from collections.abc import Sequence

from resonance.domain.events import PointerMoved
from resonance.domain.model import (
    Appended,
    AppendStatus,
    Audience,
    Conversation,
    ConversationKind,
    Entry,
    EntryPage,
    Member,
    MemberStatus,
    Reader,
    ReadState,
    UserStatus,
)
from resonance.domain.windows import Window, clamp, clamp_read, visible_end
from resonance.engines.sql.lists import chunks, listed
from resonance.engines.sql.outbox import emit
from resonance.engines.sql.queries import all_in
from resonance.engines.sql.rows import ENTRY, MEMBER, entry_row
from resonance.engines.sql.tx import Tx
from resonance.engines.sql.views import membership, unread_of
from resonance.ports.store import Key

NOT_STORED = Appended(AppendStatus.STALE, 0, 0, 0, 0)
OTHER_BODY = Appended(AppendStatus.CONFLICT, 0, 0, 0, 0)


async def find_keys(tx: Tx, keys: Sequence[Key]) -> list[Appended]:
    """See `Store.find_keys`."""
    return [await _find_key(tx, *key) for key in keys]


async def _find_key(tx: Tx, sender: str, client_msg_id: str, body_hash: bytes) -> Appended:
    row = await tx.one(
        "SELECT body_hash, message_id, seq, ordinal, created_at FROM entries "
        "WHERE client_msg_id = :key AND sender = :sender",
        key=client_msg_id,
        sender=sender,
    )
    if row is None:
        return NOT_STORED
    if row["body_hash"] != body_hash:
        return OTHER_BODY
    return Appended(AppendStatus.DUPLICATE, row["message_id"], row["seq"], row["ordinal"], row["created_at"])


async def read_entries(
    tx: Tx, user_id: str, conversation_id: str, begin: int, end: int, limit: int, newest: bool
) -> EntryPage:
    """See `Store.read_entries`. Seqs have no holes, so the page is cut before anything is read."""
    conversation, member = await membership(tx, user_id, conversation_id)
    seen = clamp(member.window, 0, 0, conversation.max_seq)
    page = clamp(member.window, begin, end, conversation.max_seq)
    page = page[-limit:] if newest else page[:limit]
    found = await entries(tx, conversation_id, page.start, page.stop - 1) if page else []
    return EntryPage(found, seen.start, seen.stop - 1)


async def pick_entries(tx: Tx, user_id: str, conversation_id: str, seqs: Sequence[int]) -> EntryPage:
    """See `Store.pick_entries`."""
    conversation, member = await membership(tx, user_id, conversation_id)
    seen = clamp(member.window, 0, 0, conversation.max_seq)
    rows = await all_in(
        tx,
        f"SELECT {ENTRY} FROM entries WHERE conversation_id = :id AND seq IN (:values)",  # noqa: S608
        [seq for seq in seqs if seq in seen],
        id=conversation_id,
    )
    found = sorted((entry_row(row) for row in rows), key=lambda entry: entry.seq)
    return EntryPage(found, seen.start, seen.stop - 1)


async def entries(tx: Tx, conversation_id: str, begin: int, end: int) -> list[Entry]:
    """See `Store.entries`."""
    rows = await tx.all(
        f"SELECT {ENTRY} FROM entries WHERE conversation_id = :id AND seq BETWEEN :begin AND :end ORDER BY seq",  # noqa: S608
        id=conversation_id,
        begin=begin,
        end=end,
    )
    return [entry_row(row) for row in rows]


async def entry(tx: Tx, message_id: int) -> Entry | None:
    """See `Store.entry`."""
    row = await tx.one(f"SELECT {ENTRY} FROM entries WHERE message_id = :id", id=message_id)  # noqa: S608
    return None if row is None else entry_row(row)


async def entries_by_key(tx: Tx, client_msg_id: str, sender: str, limit: int) -> list[Entry]:
    """See `Store.entries_by_key`."""
    whose = "AND sender = :sender" if sender else ""
    rows = await tx.all(
        f"SELECT {ENTRY} FROM entries WHERE client_msg_id = :key {whose} ORDER BY sender LIMIT :limit",  # noqa: S608
        key=client_msg_id,
        limit=limit,
        **({"sender": sender} if sender else {}),
    )
    return [entry_row(row) for row in rows]


async def heads(tx: Tx, user_id: str, conversation_ids: Sequence[str]) -> dict[str, int]:
    """See `Store.heads`."""
    found: dict[str, int] = {}
    for part in chunks(conversation_ids):
        places, params = listed("id", part)
        rows = await tx.all(
            "SELECT c.id, c.max_seq AS head, coalesce(m.min_seq, 1) AS min_seq, m.max_seq AS max_seq "  # noqa: S608
            "FROM conversations c LEFT JOIN members m ON m.conversation_id = c.id AND m.user_id = :user_id "
            f"WHERE c.id IN ({places}) AND (m.user_id IS NOT NULL OR c.kind = :open)",
            user_id=user_id,
            open=ConversationKind.OPEN,
            **params,
        )
        found.update((row["id"], visible_end(Window(row["min_seq"], row["max_seq"]), row["head"])) for row in rows)
    return found


async def mark_read(tx: Tx, user_id: str, conversation_id: str, seq: int) -> ReadState:
    """See `Store.mark_read`. In an open conversation the caller's row is made when the pointer first moves."""
    conversation, member = await membership(tx, user_id, conversation_id)
    end = visible_end(member.window, conversation.max_seq)
    read = clamp_read(member.window, member.read_seq, seq if seq > 0 else end, conversation.max_seq)
    ordinal = member.read_ordinal
    if read > member.read_seq:
        ordinal = await _ordinal_at(tx, conversation, read)
        await move_pointer(tx, member, read, ordinal)
        moved = PointerMoved(conversation_id, user_id, member.read_seq, read)
        await emit(tx, conversation_id, moved)
    left = unread_of(conversation, ordinal, member.end_ordinal)
    return ReadState(conversation.id, read, end, left, read > member.read_seq)


async def _ordinal_at(tx: Tx, conversation: Conversation, seq: int) -> int:
    """Return how many countable messages there are up to an entry."""
    if seq == conversation.max_seq:
        return conversation.ordinal
    row = await tx.one(
        "SELECT ordinal FROM entries WHERE conversation_id = :id AND seq = :seq", id=conversation.id, seq=seq
    )
    assert row is not None, "logs have no holes"
    return int(row["ordinal"])


async def move_pointer(tx: Tx, member: Member, seq: int, ordinal: int) -> None:
    """Set a member's read pointer; makes the row of a member who has none yet (open conversations)."""
    moved = await tx.run(
        "UPDATE members SET read_seq = :seq, read_ordinal = :ordinal, updated_at = :now "
        "WHERE conversation_id = :id AND user_id = :user_id",
        seq=seq,
        ordinal=ordinal,
        now=tx.now,
        id=member.conversation_id,
        user_id=member.user_id,
    )
    if not moved:
        await tx.run(
            f"INSERT INTO members ({MEMBER}) "  # noqa: S608
            "VALUES (:id, :user_id, 0, 0, 1, NULL, :seq, :ordinal, NULL, 0, 0, 0, '', '', :now, :now)",
            id=member.conversation_id,
            user_id=member.user_id,
            seq=seq,
            ordinal=ordinal,
            now=tx.now,
        )


async def readers(tx: Tx, conversation_id: str, seq: int, limit: int) -> list[Reader]:
    """See `Store.readers`."""
    rows = await tx.all(
        "SELECT user_id, read_seq FROM members WHERE conversation_id = :id AND status = :normal "
        "AND min_seq <= :seq AND read_seq >= :seq ORDER BY user_id LIMIT :limit",
        id=conversation_id,
        normal=MemberStatus.NORMAL,
        seq=seq,
        limit=limit,
    )
    return [Reader(row["user_id"], row["read_seq"]) for row in rows]


_MEMBERS_AUDIENCE = """
    SELECT user_id, min_seq, max_seq, recv_opt FROM members
    WHERE conversation_id = :id AND user_id > :after AND status = :normal ORDER BY user_id LIMIT :limit
"""
_EVERYBODY = """
    SELECT u.id AS user_id, coalesce(m.min_seq, 1) AS min_seq, m.max_seq, coalesce(m.recv_opt, 0) AS recv_opt
    FROM users u LEFT JOIN members m ON m.conversation_id = :id AND m.user_id = u.id
    WHERE u.id > :after AND u.status = :normal ORDER BY u.id LIMIT :limit
"""


async def audience(tx: Tx, conversation_id: str, after: str, limit: int) -> list[Audience]:
    """See `Store.audience`."""
    row = await tx.one("SELECT kind FROM conversations WHERE id = :id", id=conversation_id)
    if row is None:
        return []
    everybody = row["kind"] == ConversationKind.OPEN
    rows = await tx.all(
        _EVERYBODY if everybody else _MEMBERS_AUDIENCE,
        id=conversation_id,
        after=after,
        limit=limit,
        normal=UserStatus.ACTIVE if everybody else MemberStatus.NORMAL,
    )
    return [Audience(row["user_id"], row["min_seq"], row["max_seq"], row["recv_opt"]) for row in rows]
