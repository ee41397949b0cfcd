"""Many rows in few steps.

`executemany` lets go of the interpreter's lock for every row, and a writer that has to win it back from a busy event
loop pays for that each time: two hundred inserts beside a loop that never rests took four seconds, and a fifth of one
in statements of many rows. Rows go in powers of two: ten statements serve every number of them, and each stays
prepared.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain

MOST = 512
"""Rows in one statement; with eleven columns a sixth of the variables that SQLite allows (32,766, limits.html)."""


class Bulk:
    """One statement for any number of rows of the same width."""

    def __init__(self, before: str, columns: int, after: str = "") -> None:
        """Prepare the texts.

        Args:
            before: what precedes the rows, with the `VALUES`.
            columns: how many values a row has.
            after: what follows them.
        """
        row = f"({', '.join('?' * columns)})"
        self._statements = [
            (1 << power, f"{before} {', '.join([row] * (1 << power))} {after}")
            for power in reversed(range(MOST.bit_length()))
        ]

    def run(self, cursor: sqlite3.Cursor, rows: Sequence[Iterable[object]]) -> None:
        """Carry the statement out for all rows, in their order."""
        done, count = 0, len(rows)
        for size, statement in self._statements:
            while count - done >= size:
                cursor.execute(statement, tuple(chain.from_iterable(rows[done : done + size])))
                done += size
