"""A transaction on one connection, as the shared commands see it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from asyncmy import Connection
from asyncmy.cursors import Cursor

from resonance.engines.sql.tx import PARAMETER, Row, Tx

PACKET = 1_000_000
"""Characters of statements that go to the server at once, at least one statement; a character has up to 4 bytes."""
JUMP = 1_000
"""Positions that are left out after a restart of the server.

InnoDB shows a commit to others a moment before it is on the disk. What a reader saw there may be gone after a crash,
and its position would be given again, to something else that the reader would then never look for. So the first events
after a restart leave more room than any such moment holds. Servers tell when they started in seconds, so a restart is
seen unless the server lived for less than one.
"""

_TURN = "UPDATE meta SET value = LAST_INSERT_ID(CAST(value AS SIGNED) + :number) WHERE name = 'outbox'"
"""Whoever has this row is next to commit. It holds the last position that was given."""
_BOOTED = "UPDATE meta SET value = :boot WHERE name = 'boot'"
_EVENTS = 'INSERT INTO outbox (position, "key", kind, payload, created_at) VALUES '


class MySqlTx(Tx):
    """Keeps events until `flush`, the last thing before the commit: only one transaction at a time is past it.

    So positions become visible in their order, and a reader that has seen one has seen all below it.

    Attributes:
        outbox_head: the position of the last event that was flushed, 0 for none.
    """

    def __init__(self, connection: Connection, timeout_s: float, boot: str = "") -> None:
        """Begin with a connection.

        Args:
            timeout_s: how long to wait for an answer.
            boot: for a connection that has not written events yet, the query for when its server started.
        """
        self.now = 0
        self.outbox_head = 0
        self._connection = connection
        self._timeout_s = timeout_s
        self._boot = boot
        self._events: list[tuple[str, str, bytes]] = []

    async def one(self, sql: str, **params: object) -> Row | None:
        rows = await self.all(sql, **params)
        return rows[0] if rows else None

    async def all(self, sql: str, **params: object) -> list[Row]:
        return await self.fetch(self.bound(sql, params))

    async def run(self, sql: str, **params: object) -> int:
        [(count, _)] = await self.script([self.bound(sql, params)])
        return count

    async def many(self, sql: str, rows: Iterable[Mapping[str, object]]) -> None:
        if sql.startswith("INSERT"):
            head, places = sql.split(" VALUES ")
            await self.script(inserts(f"{head} VALUES ", [self.bound(places, row) for row in rows]))
        else:
            await self.script([self.bound(sql, row) for row in rows])

    async def emit(self, key: str, kind: str, payload: bytes) -> None:
        self._events.append((key, kind, payload))

    def folded(self, text: str) -> str:
        """Return text in lower case: `lower()` knows all scripts here, one character for one."""
        return "".join(lower if len(lower := letter.lower()) == 1 else letter for letter in text)

    async def flush(self) -> int:
        """Write the events; return the position of the first one, 0 when there is none."""
        if not self._events:
            return 0
        number = len(self._events)
        rows = [
            f"(LAST_INSERT_ID() - {number - at}, {self.values(*event, self.now)})"
            for at, event in enumerate(self._events, 1)
        ]
        self._events.clear()
        begin = await self._after_restart() if self._boot else []
        turn = self.bound(_TURN, {"number": number + (JUMP if begin else 0)})
        results = await self.script([turn, *begin, *inserts(_EVENTS, rows)])
        self.outbox_head = results[0][1]
        return self.outbox_head - number + 1

    async def _after_restart(self) -> list[str]:
        """Return what to write when these are the first events since the server started; nothing when they are not."""
        row = await self.one(f"SELECT ({self._boot}) AS boot, value FROM meta WHERE name = 'boot'")  # noqa: S608
        assert row is not None, "the migration wrote it"
        boot = str(row["boot"])
        return [] if boot == row["value"] else [self.bound(_BOOTED, {"boot": boot})]

    # ------------------------------------------------------------ statements as text

    def bound(self, sql: str, params: Mapping[str, object]) -> str:
        """Return a statement with values in place of its names."""
        return PARAMETER.sub(lambda match: self.literal(params[match[1]]), sql)

    def values(self, *values: object) -> str:
        """Return values in a row of a statement."""
        return ", ".join(map(self.literal, values))

    def literal(self, value: object) -> str:
        """Return a value as it stands in a statement."""
        if isinstance(value, int):
            return str(int(value))
        if isinstance(value, str):
            return f"'{self._connection.escape_string(str.__str__(value))}'"
        return "NULL" if value is None else f"X'{cast('bytes', value).hex()}'"

    async def fetch(self, *statements: str) -> list[Row]:
        """Send statements in one packet, and return the rows of the last one."""
        async with asyncio.timeout(self._timeout_s), self._connection.cursor() as cursor:
            await cursor.execute("; ".join(statements))
            while await cursor.nextset():
                pass
            names = {column[0]: at for at, column in enumerate(cursor.description)}
            return [cast("Row", MySqlRow(values, names)) for values in await cursor.fetchall()]

    async def script(self, statements: Sequence[str]) -> list[tuple[int, int]]:
        """Send statements in few packets; return per statement how many rows it changed, and its LAST_INSERT_ID."""
        results: list[tuple[int, int]] = []
        for packet in joined(statements, "; "):
            async with asyncio.timeout(self._timeout_s), self._connection.cursor() as cursor:
                await cursor.execute(packet)
                results.append(_result(cursor))
                while await cursor.nextset():
                    results.append(_result(cursor))
        return results


def _result(cursor: Cursor) -> tuple[int, int]:
    return cast("int", cursor.rowcount), cursor.lastrowid


class MySqlRow:
    """A row by column name and by position, whose iteration gives its values."""

    __slots__ = ("_names", "_values")

    def __init__(self, values: tuple[Any, ...], names: dict[str, int]) -> None:
        self._values = values
        self._names = names

    def __getitem__(self, key: str | int) -> Any:
        return self._values[self._names[key] if isinstance(key, str) else key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)


def inserts(head: str, rows: Iterable[str], tail: str = "") -> list[str]:
    """Return INSERTs of many rows, each of about a packet at most."""
    return [f"{head}{part}{tail}" for part in joined(rows, ", ")]


def joined(parts: Iterable[str], separator: str) -> list[str]:
    """Join texts to few that are no longer than a packet, unless a single one is."""
    packets: list[str] = []
    open_parts: list[str] = []
    length = 0
    for part in parts:
        if open_parts and length + len(part) > PACKET:
            packets.append(separator.join(open_parts))
            open_parts, length = [], 0
        open_parts.append(part)
        length += len(part) + len(separator)
    if open_parts:
        packets.append(separator.join(open_parts))
    return packets
