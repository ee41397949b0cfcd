"""The list of keys, read off `Settings` once: what the loader checks names against and what the printed pages show."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import BeforeValidator, SecretStr
from pydantic.fields import FieldInfo

from resonance.config.settings import Settings
from resonance.config.values import ADDRESS, LIVE, PATH, REDIS_URL, Section, parse_duration

PREFIX = "RESONANCE_"
Shape = Literal["scalar", "duration", "list", "mapping"]

_DURATION = "a duration such as 100ms, 30s, 5m, 24h or 30d"
_WORDS: dict[object, str] = {bool: "`true`, `false`", int: "a whole number", float: "a number", Path: "a path"}
_PARTS = re.compile(r"[A-Za-z0-9]+")
_PATTERNS = {
    ADDRESS: "`unix:path` or `host:port`",
    PATH: "a path such as `/metrics`",
    REDIS_URL: "`redis://host:port/0`, `rediss://host:port/0` or `unix:///path`",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the configuration.

    Attributes:
        name: dotted, as in `ws_config.ping_interval`.
        section: everything before the last dot, "" for a key of the top level.
        optional: whether it may be empty, which means "not set".
        allowed: the values it may have, in words, with literal ones between backticks.
        live: whether it may change while the server runs.
    """

    name: str
    section: str
    shape: Shape
    default: object
    optional: bool
    secret: bool
    meaning: str
    allowed: str
    live: bool

    @property
    def leaf(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(".")[2]

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.replace(".", "__").upper()


@cache
def keys() -> dict[str, Key]:
    """Return every key by its name, in the order of `Settings`."""
    return {key.name: key for key in _keys(Settings, "")}


@cache
def sections() -> dict[str, str]:
    """Return every section's meaning by its name."""
    return dict(_sections(Settings, ""))


@cache
def variables() -> dict[str, Key]:
    """Return every key by the environment variable that sets it."""
    return {key.variable: key for key in keys().values()}


def find(name: str) -> Key | None:
    """Return the key a name belongs to: itself, or the mapping that it is an entry of (`endpoints.logic-service`)."""
    key = keys().get(name)
    if key is None:
        mapping = keys().get(name.partition(".")[0])
        key = mapping if mapping is not None and mapping.shape == "mapping" else None
    return key


def similar(name: str, known: list[str]) -> str:
    """Return the known name that was probably meant as a question, "" when none is near.

    Words count as much as the whole: `service.prot` is nearer to `service.http_port` than to `service.host`.
    """

    here = name.removeprefix(PREFIX)

    def nearness(other: str) -> tuple[float, float]:
        there = other.removeprefix(PREFIX)
        parts = _PARTS.findall(there.lower())
        words = [max(_ratio(word, part) for part in parts) for word in _PARTS.findall(here.lower())]
        return sum(words) / len(words) if words else 0.0, _ratio(here, there)

    by_words, as_a_whole, near = max(
        ((*nearness(other), other) for other in known), key=lambda found: found[0] + found[1], default=(0.0, 0.0, "")
    )
    return f"did you mean {near}?" if as_a_whole >= 0.6 or by_words >= 0.8 else ""


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def _keys(model: type[Section], prefix: str) -> Iterator[Key]:
    for name, field in model.model_fields.items():
        section = _section(field)
        if section is not None:
            yield from _keys(section, f"{prefix}{name}.")
            continue
        kind, optional = _without_none(field.annotation)
        yield Key(
            name=prefix + name,
            section=prefix.removesuffix("."),
            shape=_shape(kind, field.metadata),
            default=field.default,
            optional=optional,
            secret=kind is SecretStr,
            meaning=" ".join((field.description or "").split()),
            allowed=_allowed(kind, field.metadata) + (", or nothing" if optional else ""),
            live=LIVE in field.metadata,
        )


def _sections(model: type[Section], prefix: str) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        section = _section(field)
        if section is not None:
            yield prefix + name, (section.__doc__ or "").strip()
            yield from _sections(section, f"{prefix}{name}.")


def _section(field: FieldInfo) -> type[Section] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _without_none(annotation: object) -> tuple[object, bool]:
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    if type(None) in get_args(annotation):
        return kinds[0], True
    return annotation, False


def _shape(kind: object, metadata: list[object]) -> Shape:
    if get_origin(kind) is tuple:
        return "list"
    if get_origin(kind) is dict:
        return "mapping"
    return "duration" if _is_duration(metadata) else "scalar"


def _is_duration(metadata: list[object]) -> bool:
    return any(isinstance(item, BeforeValidator) and item.func is parse_duration for item in metadata)


def _allowed(kind: object, metadata: list[object]) -> str:
    """Say in words what a type and its constraints let through."""
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if get_origin(kind) is tuple:
        return f"a list, each {_element(get_args(kind)[0])}"
    if get_origin(kind) is dict:
        return f"names, each with {_element(get_args(kind)[1])}"
    pattern = next((item.pattern for item in metadata if hasattr(item, "pattern")), None)
    if pattern is not None:
        return _PATTERNS[pattern]
    word = _DURATION if _is_duration(metadata) else _WORDS.get(kind, "text")
    return ", ".join([word, *_limits(metadata)])


def _element(kind: object) -> str:
    if get_origin(kind) is not Annotated:
        return _allowed(kind, [])
    inner, *metadata = get_args(kind)
    return _allowed(inner, [item for field in metadata for item in field.metadata])


def _limits(metadata: list[object]) -> Iterator[str]:
    for item in metadata:
        match item:
            case Ge(ge=limit):
                yield f"at least {limit}"
            case Gt(gt=limit):
                yield f"more than {limit}"
            case Le(le=limit):
                yield f"at most {limit}"
            case MinLen(min_length=length):
                yield "not empty" if length == 1 else f"at least {length} characters"
