"""Lists as statement parameters: `IN (…)` in chunks that every engine takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
CHUNK = 500
"""Most values in one list: well below every engine's limit of parameters."""


def chunks(values: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """Cut values into parts of at most `size`; nothing for no values."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def listed(name: str, values: Sequence[object]) -> tuple[str, dict[str, object]]:
    """Return the places of a list in a statement (`:id0, :id1`) and the parameters that fill them."""
    params = {f"{name}{number}": value for number, value in enumerate(values)}
    return ", ".join(f":{key}" for key in params), params
