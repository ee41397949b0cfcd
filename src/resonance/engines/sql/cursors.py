"""Opaque cursors for lists that are paged by more than one column."""

from __future__ import annotations

import base64
import json

from resonance.domain.errors import invalid


def encode_cursor(*position: str | int) -> str:
    """Return the cursor of a position: the values a page ended at."""
    return base64.urlsafe_b64encode(json.dumps(position, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *types: type[str | int]) -> list[str | int]:
    """Return the position of a cursor, whose values have to be of these types.

    Raises:
        ServiceError: INVALID_ARGUMENT for text that `encode_cursor` did not make from such values.
    """
    position = _parse(cursor)
    if [type(value) for value in position] != list(types) or not all(map(_storable, position)):
        raise invalid("cursor", f"{cursor[:80]!r} is not a cursor of this list")
    return position


def _parse(cursor: str) -> list[str | int]:
    """Return the list that a cursor holds; of what is none, an empty one."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        position = json.loads(raw)
    except (ValueError, RecursionError):
        return []
    return position if isinstance(position, list) else []


def _storable(value: str | int) -> bool:
    """Say whether every database takes the value: no NUL or half of a surrogate pair, no number over 64 bits.

    Handles and ids are printable; what is not never came from `encode_cursor`.
    """
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return value.isprintable()
