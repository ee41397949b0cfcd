"""Random values of any type that roles exchange, made from type hints alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from enum import Enum
from types import NoneType
from typing import Any, NewType, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

_SCALARS: dict[object, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    str: st.text(max_size=20),
    bytes: st.binary(max_size=20),
    float: st.floats(allow_nan=False),
    NoneType: st.none(),
}


def values(hint: object) -> st.SearchStrategy[Any]:
    """Return a strategy for values of a type."""
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    if hint in _SCALARS:
        return _SCALARS[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if dataclasses.is_dataclass(hint) or hasattr(hint, "_fields"):
        assert isinstance(hint, type)
        return st.builds(hint, **{name: values(field) for name, field in field_hints(hint).items()})
    return _collections(get_origin(hint), get_args(hint))


def field_hints(cls: type) -> dict[str, object]:
    """Return the type hints of a dataclass's or NamedTuple's fields."""
    names = [f.name for f in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else getattr(cls, "_fields", ())
    hints = get_type_hints(cls)
    return {name: hints[name] for name in names}


def _collections(origin: object, args: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if origin in (list, Sequence):
        return st.lists(values(args[0]), max_size=3)
    if origin is tuple:
        return st.lists(values(args[0]), max_size=3).map(tuple)
    if origin is frozenset:
        return st.frozensets(values(args[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(st.text(max_size=5), values(args[1]), max_size=3)
    return st.one_of(*(values(arg) for arg in args))
