"""Queries that several commands share the shape of: over a list of values, and by a LIKE pattern."""

from __future__ import annotations

from collections.abc import Sequence

from resonance.engines.sql.lists import chunks, listed
from resonance.engines.sql.tx import Row, Tx

_ESCAPE = "!"


async def all_in(tx: Tx, sql: str, values: Sequence[object], **params: object) -> list[Row]:
    """Run a query that holds `IN (:values)` once per chunk of the distinct values, and return all its rows."""
    rows: list[Row] = []
    for part in chunks(list(dict.fromkeys(values))):
        places, listed_params = listed("value_", part)
        rows += await tx.all(sql.replace(":values", places), **listed_params, **params)
    return rows


def like(text: str) -> str:
    """Return the text as a part of a LIKE pattern in which its wildcards stand for themselves (`ESCAPE '!'`).

    The escape is no backslash, because that would mean something else inside a MySQL literal.
    """
    for special in (_ESCAPE, "%", "_"):
        text = text.replace(special, _ESCAPE + special)
    return text
