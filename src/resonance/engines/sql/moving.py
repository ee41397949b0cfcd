"""Moving a store into another engine: in pages, continued where it stopped, and compared at the end."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable

from resonance.domain.errors import Code, ServiceError
from resonance.engines.sql.schema import metadata
from resonance.engines.sql.store import SqlStore
from resonance.engines.sql.tables import Table, Values

PAGE = 500
"""Rows that are read, and written in one transaction."""
_NAMED = 5
"""Differences that are named."""
_BY_CONVERSATION = ("entries", "members")

TABLES = {
    table.name: Table(
        table.name,
        tuple(column.name for column in table.columns),
        tuple(column.name for column in table.primary_key.columns),
    )
    for table in metadata.sorted_tables
    if table.name != "meta"
}

Progress = Callable[[str, int, int], None]
"""Told what is done, how many rows of it are, and of how many."""


async def move(source: SqlStore, target: SqlStore, progress: Progress) -> int:
    """Copy everything of one started store into another one; return how many rows there are.

    Nobody else may use the two. The target becomes the source: same epoch, same positions. A move that was cut off goes
    on behind the last row that it wrote.

    Raises:
        ServiceError: INVALID_ARGUMENT when the target has other rows; INTERNAL when the two differ at the end.
    """
    epoch = (await source.info()).epoch
    await target.begin_move(epoch, tuple(TABLES.values()))
    total = sum([await source.count_rows(table) for table in TABLES.values()])
    done = sum([await target.count_rows(table) for table in TABLES.values()])
    for table in TABLES.values():
        progress("Copying", done, total)
        async for page in _pages(source, table, await target.last_key(table)):
            await target.add_rows(table, page)
            done += len(page)
            progress("Copying", done, total)
    await _compare(source, target, progress, total)
    [head] = await target.last_key(TABLES["outbox"]) or [0]
    await target.continue_after(head)
    await target.end_move(epoch)
    return total


async def _pages(store: SqlStore, table: Table, after: Values) -> AsyncIterator[list[Values]]:
    """Return the rows of a table behind a key, page by page."""
    places = [table.columns.index(name) for name in table.key]
    while page := await store.table_rows(table, after, PAGE):
        yield page
        after = tuple(page[-1][place] for place in places)


async def _compare(source: SqlStore, target: SqlStore, progress: Progress, total: int) -> None:
    """Compare what the two hold: every conversation's entries and members by number and hash, other tables whole."""
    done = 0
    differences: list[str] = []
    for table in TABLES.values():
        here, there = await _digests(source, table), await _digests(target, table)
        differences += [
            f"{table.name} of {group or 'all'}"
            for group in sorted(here.keys() | there.keys())
            if here.get(group) != there.get(group)
        ]
        done += sum(number for number, _ in here.values())
        progress("Comparing", done, total)
    if differences:
        named = ", ".join(differences[:_NAMED])
        raise ServiceError(
            Code.INTERNAL,
            f"source and target differ in {len(differences)} places: {named}. Was the source written to? Stop its "
            "servers, empty the target and move again",
        )


async def _digests(store: SqlStore, table: Table) -> dict[str, tuple[int, bytes]]:
    """Return the number and the hash of the rows of a table, by conversation where that is what its key begins with."""
    found: dict[str, tuple[int, bytes]] = {}
    group, number, hashed = "", 0, hashlib.blake2b(digest_size=16)
    async for page in _pages(store, table, ()):
        for row in page:
            its_group = row[0] if table.name in _BY_CONVERSATION else ""
            if its_group != group:
                found[group] = (number, hashed.digest())
                group, number, hashed = its_group, 0, hashlib.blake2b(digest_size=16)
            number += 1
            hashed.update(repr(row).encode())
    found[group] = (number, hashed.digest())
    return found
