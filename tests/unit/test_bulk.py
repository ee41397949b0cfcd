"""Statements of many rows: every number of rows, each once, in their order, in few steps."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from resonance.engines.sqlite.bulk import MOST, Bulk

INSERT = Bulk("INSERT INTO rows (a, b) VALUES", columns=2)
UPDATE = Bulk(
    "WITH new (a, b) AS (VALUES", columns=2, after=") UPDATE rows SET b = new.b FROM new WHERE rows.a = new.a"
)


@given(st.one_of(st.integers(0, 40), st.integers(MOST - 2, 2 * MOST + 5)))
def test_rows_are_written_once_in_their_order(count: int) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE rows (n INTEGER PRIMARY KEY, a INTEGER UNIQUE, b)")
        steps: list[str] = []
        connection.set_trace_callback(steps.append)
        INSERT.run(connection.cursor(), [(number, "new") for number in range(count)])
        assert len(steps) <= MOST.bit_length() + count // MOST
        UPDATE.run(connection.cursor(), [(number, f"{number}") for number in range(count)])
        stored = connection.execute("SELECT a, b FROM rows ORDER BY n").fetchall()
        assert stored == [(number, f"{number}") for number in range(count)]
