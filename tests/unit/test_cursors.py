"""Cursors: what was encoded comes back, and nothing else is taken for a position."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonance.domain.errors import Code, ServiceError
from resonance.engines.sql.cursors import decode_cursor, encode_cursor

printable = st.text(st.characters(exclude_categories=["C", "Z"]))
numbers = st.integers(-(2**63), 2**63 - 1)


@given(values=st.lists(printable | numbers, max_size=8))
def test_a_position_comes_back(values: list[str | int]) -> None:
    assert decode_cursor(encode_cursor(*values), *map(type, values)) == values


@given(before=printable, character=st.characters(categories=["Cc", "Cs", "Zl", "Zp"]), after=printable)
def test_characters_that_no_id_holds_are_refused(before: str, character: str, after: str) -> None:
    """PostgreSQL cannot even be asked for a NUL; the others are in no handle and no conversation id."""
    with pytest.raises(ServiceError) as caught:
        decode_cursor(encode_cursor(before + character + after), str)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.field == "cursor"


@pytest.mark.parametrize("position", [(2**63,), (-(2**63) - 1,), ("1",), (1, 1), (), (True,), (1.5,)])
def test_other_positions_are_refused(position: tuple[int, ...]) -> None:
    with pytest.raises(ServiceError):
        decode_cursor(encode_cursor(*position), int)


@given(cursor=st.text())
def test_any_text_is_a_position_or_refused(cursor: str) -> None:
    with suppress(ServiceError):
        [value] = decode_cursor(cursor, int)
        assert isinstance(value, int)
