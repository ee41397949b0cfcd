"""A transaction on one connection, as the shared commands see it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from resonance.engines.sql.tx import PARAMETER, Row, Tx

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]

OUTBOX_LOCK = 0x7265736F6E
"""The advisory lock (`resonance` in part) under which positions are given: whoever holds it is next to commit."""
CHANNEL = "resonance_outbox"
"""Where commits tell of the outbox's newest position."""

_EVENTS = f"""
    WITH new AS (
        INSERT INTO outbox (key, kind, payload, created_at)
        SELECT e.key, e.kind, e.payload, $4
        FROM (SELECT pg_advisory_xact_lock({OUTBOX_LOCK})) AS turn,
             unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY AS e (key, kind, payload, number)
        ORDER BY e.number
        RETURNING position
    )
    SELECT min(position) AS first, max(position) AS last, pg_notify('{CHANNEL}', max(position)::text) FROM new
"""  # noqa: S608 - constants


class PostgresTx(Tx):
    """Keeps events until `flush`, the last thing before the commit: only one transaction at a time is past it.

    So positions become visible in their order, and a reader that has seen one has seen all below it. PostgreSQL's own
    sequence would give them in any order of commits.

    Attributes:
        outbox_head: the position of the last event that was flushed, 0 for none.
    """

    def __init__(self, connection: Connection, now: int) -> None:
        self.connection = connection
        self.now = now
        self.outbox_head = 0
        self._events: list[tuple[str, str, bytes]] = []

    async def one(self, sql: str, **params: object) -> Row | None:
        text, values = bound(sql, params)
        return cast("Row | None", await self.connection.fetchrow(text, *values))

    async def all(self, sql: str, **params: object) -> list[Row]:
        text, values = bound(sql, params)
        return cast("list[Row]", await self.connection.fetch(text, *values))

    async def run(self, sql: str, **params: object) -> int:
        text, values = bound(sql, params)
        status = await self.connection.execute(text, *values)
        return int(status.rpartition(" ")[2])

    async def many(self, sql: str, rows: Iterable[Mapping[str, object]]) -> None:
        text, names = numbered(sql, frozenset())
        await self.connection.executemany(text, [[row[name] for name in names] for row in rows])

    async def emit(self, key: str, kind: str, payload: bytes) -> None:
        self._events.append((key, kind, payload))

    async def flush(self) -> int:
        """Write the events; return the position of the first one, 0 when there is none."""
        if not self._events:
            return 0
        keys, kinds, payloads = zip(*self._events, strict=True)
        self._events.clear()
        ends: Any = await self.connection.fetchrow(_EVENTS, keys, kinds, payloads, self.now)
        self.outbox_head = ends["last"]
        first: int = ends["first"]
        return first


def bound(sql: str, params: Mapping[str, object]) -> tuple[str, list[object]]:
    """Return a statement in PostgreSQL's style, and its values in order."""
    text, names = numbered(sql, frozenset(name for name, value in params.items() if isinstance(value, int)))
    return text, [params[name] for name in names]


@lru_cache(maxsize=1024)
def numbered(sql: str, numbers: frozenset[str]) -> tuple[str, tuple[str, ...]]:
    """Return a statement with `$1`, `$2` … for `:name`, and the names in this order.

    A name that comes twice gets two numbers, because the server gives each place a type of its own.

    Args:
        numbers: names that are said to be 64-bit numbers: next to a literal the server would guess 32.
    """
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        names.append(match[1])
        return f"${len(names)}::bigint" if match[1] in numbers else f"${len(names)}"

    return PARAMETER.sub(number, sql), tuple(names)
