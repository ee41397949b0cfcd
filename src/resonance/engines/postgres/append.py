"""`Store.append` on PostgreSQL: lock the heads, write everything in one statement. The algorithm is in the port."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resonance.domain.model import AppendOutcome, NewEntry
from resonance.engines.postgres.pool import CLOCK
from resonance.engines.postgres.tx import PostgresTx
from resonance.engines.sql.append import Head, Plan, appended_payload, plan, plan_carefully
from resonance.engines.sql.entries import find_keys
from resonance.ports.store import Key

_HEADS = f"""
    SELECT id, version, max_seq, ordinal, member_count, kind, greatest({CLOCK}, updated_at) AS now
    FROM conversations WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE
"""  # noqa: S608 - a constant
"""In one order of rows everywhere, so that two batches never wait for each other."""

_WRITE = """
    WITH new_entries AS (
        INSERT INTO entries (conversation_id, seq, message_id, sender, client_msg_id, body_hash, kind, content, extra,
            ordinal, created_at)
        SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bytea[],
            $7::smallint[], $8::text[], $9::text[], $10::bigint[], $11::bigint[])
    ), new_heads AS (
        UPDATE conversations SET max_seq = e.seq, ordinal = e.ordinal, updated_at = $12
        FROM unnest($13::text[], $14::bigint[], $15::bigint[]) AS e (id, seq, ordinal)
        WHERE conversations.id = e.id
    )
    UPDATE members SET read_seq = e.seq, read_ordinal = e.ordinal, updated_at = $12
    FROM unnest($16::text[], $17::text[], $18::bigint[], $19::bigint[]) AS e (conversation_id, user_id, seq, ordinal)
    WHERE members.conversation_id = e.conversation_id AND members.user_id = e.user_id
"""
_MEMBERS_OF_OPEN = """
    INSERT INTO members SELECT e.conversation_id, e.user_id, 0, 0, 1, NULL, 0, 0, NULL, 0, 0, 0, '', '', $3, $3
    FROM unnest($1::text[], $2::text[]) AS e (conversation_id, user_id) ON CONFLICT DO NOTHING
"""


async def append(tx: PostgresTx, items: Sequence[NewEntry], *, careful: bool) -> AppendOutcome:
    """Append a batch. Unless `careful`, every key is taken for new: a unique violation says that one was not."""
    heads = await _heads(tx, items)
    made = None if careful else plan(items, heads, tx.now)
    if made is None:
        stored = await find_keys(tx, [Key(item.sender, item.client_msg_id, item.body_hash) for item in items])
        made = plan_carefully(items, heads if careful else await _heads(tx, items), stored, tx.now)
    if not made.rows:
        return AppendOutcome(made.results, 0, 0)
    await _write(tx, made)
    for id_, head in made.advanced():
        await tx.emit(id_, "entries", appended_payload(id_, head))
    first = await tx.flush()
    return AppendOutcome(made.results, first, tx.outbox_head)


async def _heads(tx: PostgresTx, items: Sequence[NewEntry]) -> dict[str, Head]:
    """Lock the batch's conversations and return their heads; the time moves on to when the locks were had."""
    rows: list[Any] = await tx.connection.fetch(_HEADS, list({item[0] for item in items}))
    tx.now = max([tx.now, *(row[6] for row in rows)])
    return {row[0]: Head(*row[1:6]) for row in rows}


async def _write(tx: PostgresTx, made: Plan) -> None:
    """Carry a plan out, but for its events."""
    if open_ids := made.open_ids():
        senders = [pair for pair in made.pointers if pair[0] in open_ids]
        if senders:
            await tx.connection.execute(_MEMBERS_OF_OPEN, *zip(*senders, strict=True), tx.now)
    advanced = made.advanced()
    await tx.connection.execute(
        _WRITE,
        *zip(*made.rows, strict=True),
        tx.now,
        [id_ for id_, _ in advanced],
        [head.seq for _, head in advanced],
        [head.ordinal for _, head in advanced],
        *zip(*[(*pair, *end) for pair, end in made.pointers.items()], strict=True),
    )
