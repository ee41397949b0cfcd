"""Inboxes for cursor-style clients: one numbered list per owner, made from the conversations' logs.

Rows are made on demand by the reader, or ahead of time by task; both come here, so a cursor never skips.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from resonance.domain.errors import invalid
from resonance.domain.ids import OPEN_CONVERSATION
from resonance.domain.model import InboxItem, InboxPage
from resonance.domain.windows import Window, clamp, sees
from resonance.engines.sql.queries import all_in
from resonance.engines.sql.rows import ENTRY, entry_row, qualified
from resonance.engines.sql.tx import Row, Tx

_LOGS = f"""
    SELECT c.id, c.max_seq AS head, coalesce(m.min_seq, 1) AS min_seq, m.max_seq,
        (SELECT max(i.seq) FROM inbox i WHERE i.owner = :owner AND i.conversation_id = c.id) AS filled
    FROM conversations c LEFT JOIN members m ON m.conversation_id = c.id AND m.user_id = :owner
    WHERE c.id IN (SELECT conversation_id FROM members WHERE user_id = :owner UNION SELECT '{OPEN_CONVERSATION}')
"""  # noqa: S608 - a constant
_FILLED = (
    "SELECT conversation_id, max(seq) AS filled FROM inbox WHERE owner = :owner AND conversation_id IN (:values) "
    "GROUP BY conversation_id"
)
_ROWS = f"""
    SELECT {qualified(ENTRY, "e")}, i.position, coalesce(m.min_seq, 1) AS min_seq, m.max_seq
    FROM inbox i JOIN entries e ON e.conversation_id = i.conversation_id AND e.seq = i.seq
        LEFT JOIN members m ON m.conversation_id = i.conversation_id AND m.user_id = i.owner
    WHERE i.owner = :owner AND i.position > :cursor ORDER BY i.position LIMIT :limit
"""  # noqa: S608 - constants


class Missing(NamedTuple):
    """An entry that the inbox lacks; by order of time, and within a conversation of seq."""

    created_at: int
    conversation_id: str
    seq: int


async def missing(tx: Tx, owner: str, limit: int) -> list[Missing]:
    """Return the first entries that one owner's inbox lacks, at most `limit`; of each conversation without a hole."""
    found: list[Missing] = []
    for row in await tx.all(_LOGS, owner=owner):
        found += await _missing(tx, row, limit)
    return sorted(found)[:limit]


async def _missing(tx: Tx, log: Row, limit: int) -> list[Missing]:
    """Return the first visible entries of one log that have no row yet."""
    seqs = clamp(_window(log), (log["filled"] or 0) + 1, 0, log["head"])[:limit]
    if not seqs:
        return []
    rows = await tx.all(
        "SELECT seq, created_at FROM entries WHERE conversation_id = :id AND seq BETWEEN :first AND :last",
        id=log["id"],
        first=seqs[0],
        last=seqs[-1],
    )
    return [Missing(row["created_at"], log["id"], row["seq"]) for row in rows]


async def insert(tx: Tx, owner: str, entries: Sequence[Missing]) -> None:
    """Give entries that were found `missing` the next positions of the owner's counter.

    Another filler may have been quicker. Whatever it wrote of a conversation is written up to there, because nobody
    leaves a hole; so what lies beyond the last row of each conversation is still missing.
    """
    ids = [entry.conversation_id for entry in entries]
    rows = await all_in(tx, _FILLED, ids, owner=owner)
    filled = {row["conversation_id"]: int(row["filled"]) for row in rows}
    left = [entry for entry in entries if entry.seq > filled.get(entry.conversation_id, 0)]
    head = await _counter(tx, owner)
    await tx.many(
        "INSERT INTO inbox (owner, position, conversation_id, seq) VALUES (:owner, :position, :id, :seq)",
        [
            {"owner": owner, "position": head + n, "id": entry.conversation_id, "seq": entry.seq}
            for n, entry in enumerate(left, 1)
        ],
    )
    await tx.run(
        "UPDATE inbox_heads SET position = :position WHERE owner = :owner", owner=owner, position=head + len(left)
    )


async def _counter(tx: Tx, owner: str) -> int:
    """Return the last position that was given to an owner."""
    row = await tx.one("SELECT position FROM inbox_heads WHERE owner = :owner", owner=owner)
    if row is None:
        await tx.run("INSERT INTO inbox_heads (owner, position) VALUES (:owner, 0)", owner=owner)
    return 0 if row is None else int(row["position"])


def check_cursor(cursor: int) -> None:
    """Refuse what is no cursor. Raises ServiceError INVALID_ARGUMENT."""
    if cursor < 0:
        raise invalid("cursor", f"{cursor} is not a cursor: 0 or what a page returned is allowed")


async def read_inbox(tx: Tx, user_id: str, cursor: int, limit: int) -> InboxPage:
    """Read on behind a cursor (`Store.read_inbox`), once the inbox was filled.

    Rows of a window that is over are passed over, and the cursor passes them.
    """
    rows = await tx.all(_ROWS, owner=user_id, cursor=cursor, limit=limit + 1)
    page = rows[:limit]
    items = [InboxItem(row["position"], entry_row(row)) for row in page if sees(_window(row), row["seq"])]
    return InboxPage(items, page[-1]["position"] if page else cursor, len(rows) > limit)


def _window(row: Row) -> Window:
    return Window(row["min_seq"], row["max_seq"])
