"""`Store.append` on SQLite: few statements, many rows each. The algorithm is in the port's docstring."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from functools import partial

import orjson

from resonance.domain.model import AppendOutcome, NewEntry
from resonance.engines.sql.append import Head, Plan, appended_payload, plan, plan_carefully
from resonance.engines.sql.entries import find_keys
from resonance.engines.sql.tx import run_sync
from resonance.engines.sqlite.bulk import Bulk
from resonance.engines.sqlite.connection import SqliteTx
from resonance.engines.sqlite.writer import Again
from resonance.ports.store import Key

_HEADS = (
    "SELECT json_group_array(json_array(id, version, max_seq, ordinal, member_count, kind)) FROM conversations "
    "WHERE id IN (SELECT value FROM json_each(?))"
)
"""One row for all: like every statement here in few steps, see `bulk`."""
_INSERT = Bulk(
    "INSERT INTO entries (conversation_id, seq, message_id, sender, client_msg_id, body_hash, kind, content, extra, "
    "ordinal, created_at) VALUES",
    columns=11,
)
_ADVANCE = Bulk(
    "WITH ends (id, seq, ordinal, now) AS (VALUES",
    columns=4,
    after=") UPDATE conversations SET max_seq = ends.seq, ordinal = ends.ordinal, updated_at = ends.now "
    "FROM ends WHERE conversations.id = ends.id",
)
_POINT = Bulk(
    "WITH ends (conversation_id, sender, seq, ordinal, now) AS (VALUES",
    columns=5,
    after=") UPDATE members SET read_seq = ends.seq, read_ordinal = ends.ordinal, updated_at = ends.now "
    "FROM ends WHERE members.conversation_id = ends.conversation_id AND members.user_id = ends.sender",
)
_MEMBER_OF_OPEN = (
    "INSERT INTO members VALUES (?, ?, 0, 0, 1, NULL, 0, 0, NULL, 0, 0, 0, '', '', ?, ?) ON CONFLICT DO NOTHING"
)
_EVENT = Bulk("INSERT INTO outbox (key, kind, payload, created_at) VALUES", columns=4)


def append(tx: SqliteTx, items: Sequence[NewEntry]) -> AppendOutcome:
    """Append a batch as if every item were new and allowed; when one is not, ask to be run `carefully` instead."""
    cursor = _cursor(tx)
    made = plan(items, _heads(cursor, items), tx.now)
    try:
        if made is not None:
            return _write(tx, cursor, made)
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_UNIQUE:
            raise
    raise Again(partial(_append_carefully, items=items))


def _append_carefully(tx: SqliteTx, items: Sequence[NewEntry]) -> AppendOutcome:
    """Append a batch with every key looked up first."""
    cursor = _cursor(tx)
    stored = run_sync(find_keys(tx, [Key(item.sender, item.client_msg_id, item.body_hash) for item in items]))
    return _write(tx, cursor, plan_carefully(items, _heads(cursor, items), stored, tx.now))


def _cursor(tx: SqliteTx) -> sqlite3.Cursor:
    """Return a cursor whose rows are plain tuples."""
    cursor = tx.connection.cursor()
    cursor.row_factory = None
    return cursor


def _heads(cursor: sqlite3.Cursor, items: Sequence[NewEntry]) -> dict[str, Head]:
    """Return the heads of the batch's conversations that exist."""
    ids = json.dumps(list({item[0] for item in items}))
    [heads] = cursor.execute(_HEADS, (ids,)).fetchone()
    return {id_: Head(*rest) for id_, *rest in orjson.loads(heads)}


def _write(tx: SqliteTx, cursor: sqlite3.Cursor, made: Plan) -> AppendOutcome:
    """Carry a plan out."""
    if not made.rows:
        return AppendOutcome(made.results, 0, 0)
    now = tx.now
    _INSERT.run(cursor, made.rows)
    advanced = made.advanced()
    _ADVANCE.run(cursor, [(id_, head.seq, head.ordinal, now) for id_, head in advanced])
    _move_pointers(cursor, made, now)
    _EVENT.run(cursor, [(id_, "entries", appended_payload(id_, head), now) for id_, head in advanced])
    last = cursor.lastrowid
    assert last is not None
    tx.outbox_head = last
    return AppendOutcome(made.results, last - len(advanced) + 1, last)


def _move_pointers(cursor: sqlite3.Cursor, made: Plan, now: int) -> None:
    """Move each sender's pointer to its last message; in an open conversation the row may have to be made."""
    if open_ids := made.open_ids():
        senders = [pair for pair in made.pointers if pair[0] in open_ids]
        cursor.executemany(_MEMBER_OF_OPEN, [(*pair, now, now) for pair in senders])
    _POINT.run(cursor, [(*pair, seq, ordinal, now) for pair, (seq, ordinal) in made.pointers.items()])
