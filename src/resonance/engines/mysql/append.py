"""`Store.append` on MySQL: lock the heads, write everything in one packet. The algorithm is in the port."""

from __future__ import annotations

from collections.abc import Sequence

from resonance.domain.model import AppendOutcome, NewEntry
from resonance.engines.mysql.pool import CLOCK
from resonance.engines.mysql.tx import MySqlTx, inserts
from resonance.engines.sql.append import Head, Plan, appended_payload, plan, plan_carefully
from resonance.engines.sql.entries import find_keys
from resonance.engines.sql.lists import listed
from resonance.engines.sql.rows import MEMBER
from resonance.ports.store import Key

_HEADS = f"""
    SELECT id, version, max_seq, ordinal, member_count, kind, greatest({CLOCK}, updated_at) AS now
    FROM conversations FORCE INDEX (PRIMARY) WHERE id IN (:ids) ORDER BY id FOR UPDATE
"""  # noqa: S608 - a constant
"""In one order of rows everywhere, so that two batches never wait for each other. By the index, because a search
through a small table would wait for the rows of others, too."""
_ENTRIES = """
    INSERT INTO entries (conversation_id, seq, message_id, sender, client_msg_id, body_hash, kind, content, extra,
        ordinal, created_at) VALUES
"""
_MEMBERS_OF_OPEN = f"INSERT INTO members ({MEMBER}) VALUES "  # noqa: S608 - a constant
_ADVANCE = (
    "UPDATE {ends} STRAIGHT_JOIN conversations c FORCE INDEX (PRIMARY) ON c.id = e.id "
    "SET c.max_seq = e.seq, c.ordinal = e.ordinal, c.updated_at = {now}"
)
_POINT = (
    "UPDATE {ends} STRAIGHT_JOIN members m FORCE INDEX (PRIMARY) ON m.conversation_id = e.id AND m.user_id = e.user_id "
    "SET m.read_seq = e.seq, m.read_ordinal = e.ordinal, m.updated_at = {now}"
)
"""By the index, for the same reason."""
_UNLESS_THERE = " ON DUPLICATE KEY UPDATE user_id = members.user_id"


async def append(tx: MySqlTx, items: Sequence[NewEntry], *, careful: bool) -> AppendOutcome:
    """Append a batch. Unless `careful`, every key is taken for new: a unique violation says that one was not."""
    if not items:
        return AppendOutcome([], 0, 0)
    heads = await _heads(tx, items)
    made = None if careful else plan(items, heads, tx.now)
    if made is None:
        stored = await find_keys(tx, [Key(item.sender, item.client_msg_id, item.body_hash) for item in items])
        made = plan_carefully(items, heads if careful else await _heads(tx, items), stored, tx.now)
    if not made.rows:
        return AppendOutcome(made.results, 0, 0)
    await tx.script(_written(tx, made))
    for id_, head in made.advanced():
        await tx.emit(id_, "entries", appended_payload(id_, head))
    first = await tx.flush()
    return AppendOutcome(made.results, first, tx.outbox_head)


async def _heads(tx: MySqlTx, items: Sequence[NewEntry]) -> dict[str, Head]:
    """Lock the batch's conversations and return their heads; the time moves on to when the locks were had."""
    places, ids = listed("id", sorted({item[0] for item in items}))
    rows = await tx.all(_HEADS.replace(":ids", places), **ids)
    tx.now = max([tx.now, *(row["now"] for row in rows)])
    names = ("version", "max_seq", "ordinal", "member_count", "kind")
    return {row["id"]: Head(*(row[name] for name in names)) for row in rows}


def _written(tx: MySqlTx, made: Plan) -> list[str]:
    """Return the statements that carry a plan out, but for its events."""
    statements = inserts(_ENTRIES, [f"({tx.values(*row)})" for row in made.rows])
    if open_ids := made.open_ids():
        senders = [
            f"({tx.values(*pair)}, 0, 0, 1, NULL, 0, 0, NULL, 0, 0, 0, '', '', {tx.now}, {tx.now})"
            for pair in made.pointers
            if pair[0] in open_ids
        ]
        statements += inserts(_MEMBERS_OF_OPEN, senders, _UNLESS_THERE)
    heads = [(id_, head.seq, head.ordinal) for id_, head in made.advanced()]
    pointers = [(*pair, *end) for pair, end in sorted(made.pointers.items())]
    statements.append(_ADVANCE.format(ends=_table(tx, "id, seq, ordinal", heads), now=tx.now))
    statements.append(_POINT.format(ends=_table(tx, "id, user_id, seq, ordinal", pointers), now=tx.now))
    return statements


def _table(tx: MySqlTx, columns: str, rows: Sequence[tuple[object, ...]]) -> str:
    """Return rows, at least one, as a table `e` for a join: the two servers share no shorter way to say it."""
    first = ", ".join(
        f"{tx.literal(value)} AS {name}" for value, name in zip(rows[0], columns.split(", "), strict=True)
    )
    return f"(SELECT {' UNION ALL SELECT '.join([first, *(tx.values(*row) for row in rows[1:])])}) e"
