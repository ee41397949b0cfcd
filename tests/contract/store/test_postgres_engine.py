"""What is PostgreSQL's own."""

from __future__ import annotations

import pytest

from resonance.config.engines import StoreConfig
from resonance.domain.errors import Code
from resonance.engines.postgres.store import PostgresStore
from resonance.engines.postgres.tx import numbered
from tests.contract.store.making import refused


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT :a, :b, :a", ("SELECT $1, $2::bigint, $3", ("a", "b", "a"))),
        ("SELECT x::text WHERE y = :b", ("SELECT x::text WHERE y = $1::bigint", ("b",))),
    ],
)
def test_names_become_numbers(sql: str, expected: tuple[str, tuple[str, ...]]) -> None:
    assert numbered(sql, frozenset({"b"})) == expected


def test_an_address_is_asked_for_by_its_key() -> None:
    with refused(Code.INVALID_ARGUMENT, "store.url"):
        PostgresStore(StoreConfig(kind="postgres"))
