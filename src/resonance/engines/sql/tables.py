"""Whole tables, for moving a store into another engine: rows in the order of their keys, as plain tuples.

Every engine compares keys by their bytes, so this order is the same in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from resonance.domain.errors import Code, ServiceError
from resonance.engines.sql.rows import values_of
from resonance.engines.sql.tx import Tx

Values = tuple[Any, ...]

MOVING = "moving"
"""In a store that is being moved to: the epoch of the one that it is moved from."""


class Table(NamedTuple):
    """A table as `schema` has it: its columns, and those of its key."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


async def rows(tx: Tx, table: Table, after: Values, limit: int) -> list[Values]:
    """Return the rows behind a key (an empty one for all), at most `limit`.

    One query per column of the key: every engine looks that up in the key's index, unlike a comparison of pairs.
    """
    key = table.key
    found: list[Values] = []
    for equal in reversed(range(len(after) or 1)):
        same = [f'"{name}" = :{name}' for name in key[:equal]]
        more = [f'"{key[equal]}" > :{key[equal]}'] if after else []
        where = f"WHERE {' AND '.join(same + more)} " if after else ""
        found += await _select(tx, table, where, dict(zip(key, after[: equal + 1], strict=False)), limit - len(found))
        if len(found) == limit:
            break
    return found


async def _select(tx: Tx, table: Table, where: str, params: dict[str, object], limit: int) -> list[Values]:
    sql = f"SELECT {_quoted(table.columns)} FROM {table.name} {where}ORDER BY {_quoted(table.key)} LIMIT :limit"  # noqa: S608
    return [values_of(row) for row in await tx.all(sql, **params, limit=limit)]


async def last_key(tx: Tx, table: Table) -> Values:
    """Return the highest key of a table; an empty one when it has no rows."""
    falling = ", ".join(f'"{name}" DESC' for name in table.key)
    row = await tx.one(f"SELECT {_quoted(table.key)} FROM {table.name} ORDER BY {falling} LIMIT 1")  # noqa: S608
    return () if row is None else values_of(row)


async def count(tx: Tx, table: Table) -> int:
    """Return how many rows a table has."""
    row = await tx.one(f"SELECT COUNT(*) AS number FROM {table.name}")  # noqa: S608 - our own tables
    assert row is not None
    return int(row["number"])


async def add(tx: Tx, table: Table, values: Sequence[Values]) -> None:
    """Write rows as they are."""
    places = ", ".join(f":{name}" for name in table.columns)
    sql = f"INSERT INTO {table.name} ({_quoted(table.columns)}) VALUES ({places})"  # noqa: S608 - our own tables
    await tx.many(sql, [dict(zip(table.columns, row, strict=True)) for row in values])


async def begin_move(tx: Tx, source_epoch: str, tables: Sequence[Table]) -> None:
    """Mark a store as one that is being moved to; nothing when it is, from the same source.

    Raises:
        ServiceError: INVALID_ARGUMENT for a store that has rows of its own, or of another source.
    """
    row = await tx.one("SELECT value FROM meta WHERE name = :moving", moving=MOVING)
    if row is not None and row["value"] == source_epoch:
        return
    filled = [table.name for table in tables if await last_key(tx, table)]
    if row is not None or filled:
        what = "half a move from another store" if row is not None else f"rows in {', '.join(filled)}"
        raise ServiceError(Code.INVALID_ARGUMENT, f"the target is not empty: it has {what}")
    await tx.run("INSERT INTO meta (name, value) VALUES (:moving, :epoch)", moving=MOVING, epoch=source_epoch)


async def end_move(tx: Tx, source_epoch: str) -> None:
    """Make a store the one that it was moved from: what clients know of that one goes on to hold."""
    await tx.run("UPDATE meta SET value = :epoch WHERE name = 'epoch'", epoch=source_epoch)
    await tx.run("DELETE FROM meta WHERE name = :moving", moving=MOVING)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
