"""Requests for every operation of an OpenAPI document: plausible, bent, or arbitrary."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

Json = dict[str, Any]

TEXTS = st.text(max_size=30) | st.sampled_from(["", "~x", "a" * 70, "\0", "\ud800", "sg_x", "si_a:b", "٣", "text"])
NUMBERS = st.integers() | st.sampled_from([0, -1, 2**63 - 1, 2**63, 2**64, 10**30])
SCALARS = st.none() | st.booleans() | NUMBERS | st.floats() | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
NAMES = st.sampled_from(["ann", "bob", "team", "sg_team", "si_ann_bob"])
"""What exists, where the services behind are real."""


@dataclass(frozen=True)
class Shot:
    """One request as it goes over the wire."""

    method: str
    target: str
    content: bytes | None


def operations(document: Json) -> dict[str, tuple[str, str, Json]]:
    """Return method, path and description of every operation, by name."""
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


@st.composite
def shots(draw: st.DrawFn, document: Json, name: str) -> Shot:
    """Return requests for one operation."""
    method, target, operation = operations(document)[name]
    for parameter, value in draw(_parameters(operation, "path")).items():
        target = target.replace(f"{{{parameter}}}", _escape(value))
    query = "&".join(f"{key}={_escape(str(value))}" for key, value in draw(_parameters(operation, "query")).items())
    body = draw(_bodies(document, operation))
    # as a hostile client writes it: NaN, huge numbers and halves of surrogate pairs included
    return Shot(method, f"{target}?{query}", None if body is None else json.dumps(body).encode())


def _escape(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def _parameters(operation: Json, place: str) -> st.SearchStrategy[Json]:
    """Return the parameters of one place, path or query."""
    names = [one["name"] for one in operation.get("parameters", ()) if one["in"] == place]
    if place == "path":
        return st.fixed_dictionaries(dict.fromkeys(names, NAMES | TEXTS.filter(bool)))
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, NAMES | TEXTS | NUMBERS))


def _bodies(document: Json, operation: Json) -> st.SearchStrategy[Any]:
    """Return bodies for an operation: mostly objects of its fields, each plausible, arbitrary or missing."""
    if "requestBody" not in operation:
        return st.just(None)
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    reference = schema if "$ref" in schema else schema["anyOf"][0]
    fields = document["components"]["schemas"][reference["$ref"].rsplit("/", 1)[-1]]["properties"]
    right = st.fixed_dictionaries({name: _plausible(field) for name, field in fields.items()})
    bent = st.fixed_dictionaries({}, optional={name: _plausible(field) | VALUES for name, field in fields.items()})
    return right | bent | VALUES


def _plausible(schema: Json) -> st.SearchStrategy[Any]:
    """Return values that a schema would like, now and then bent."""
    if "anyOf" in schema:
        return st.one_of([_plausible(one) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    by_type: dict[str, st.SearchStrategy[Any]] = {
        "string": NAMES | TEXTS,
        "integer": st.integers(0, 10) | NUMBERS,
        "boolean": st.booleans(),
        "null": st.none(),
        "array": st.lists(NAMES | TEXTS | VALUES, max_size=3),
    }
    return by_type.get(schema.get("type", ""), VALUES)
