"""A transaction as the shared commands see it.

Commands are coroutines over a `Tx`, so that one text serves blocking and asynchronous drivers alike: an asyncio driver
really awaits, a blocking one (SQLite on its writer thread) returns at once and the command is run to its end by
`run_sync` without an event loop.

Statements are plain SQL with `:name` parameters in the part of the language that SQLite, PostgreSQL and MySQL share;
an engine rewrites the parameters to its driver's style. Names that a dialect reserves stand in double quotes.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterable, Mapping
from string import ascii_lowercase, ascii_uppercase
from typing import Any, TypeVar

T = TypeVar("T")
PARAMETER = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)", re.IGNORECASE)
"""A parameter in a statement; `a::b` is none."""
_FOLD = str.maketrans(ascii_uppercase, ascii_lowercase)
Row = Mapping[str, Any]
"""A row by column name; also indexable by position in every engine."""


class Tx(ABC):
    """One transaction: committed when the command returns, rolled back when it raises.

    Attributes:
        now: the store's clock in ms at the transaction's begin; the same for all its rows.
    """

    now: int

    @abstractmethod
    async def one(self, sql: str, **params: object) -> Row | None:
        """Run a query and return its first row, or None."""

    @abstractmethod
    async def all(self, sql: str, **params: object) -> list[Row]:
        """Run a query and return its rows."""

    @abstractmethod
    async def run(self, sql: str, **params: object) -> int:
        """Run a statement and return how many rows it changed."""

    @abstractmethod
    async def many(self, sql: str, rows: Iterable[Mapping[str, object]]) -> None:
        """Run a statement once per row of parameters."""

    @abstractmethod
    async def emit(self, key: str, kind: str, payload: bytes) -> None:
        """Write an event; its position is above that of everything committed before, and becomes visible with it.

        An engine whose transactions overlap gives positions last, and lets one transaction at a time do so.
        """

    def folded(self, text: str) -> str:
        """Return text in lower case as this engine's `lower()` makes it: mostly that knows ASCII only."""
        return text.translate(_FOLD)


def run_sync(command: Coroutine[Any, Any, T]) -> T:
    """Run a command whose transaction never suspends to its end, without an event loop."""
    try:
        command.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    command.close()
    raise RuntimeError("a command waited for something that is no blocking driver")
