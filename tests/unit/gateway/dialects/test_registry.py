"""The registry: what the configuration can name is what there is, and no two dialects want the same."""

from __future__ import annotations

from itertools import combinations

import pytest

from resonance.config import Settings
from resonance.config.settings import Dialects
from resonance.domain.errors import ServiceError
from resonance.gateway.dialects import DIALECTS, enabled
from resonance.gateway.ws.handshake import SUBPROTOCOL


def test_every_dialect_is_on_by_default_and_can_be_off() -> None:
    assert [dialect.name for dialect in enabled(Settings())] == [dialect.name for dialect in DIALECTS]
    assert enabled(Settings(dialects=Dialects(enabled=()))) == []


def test_no_dialect_takes_the_native_clients_for_its_own() -> None:
    for dialect in DIALECTS:
        assert dialect(Settings()).door().subprotocol != SUBPROTOCOL


def test_no_two_dialects_own_a_path() -> None:
    for one, other in combinations(DIALECTS, 2):
        assert not set(one.prefixes) & set(other.prefixes)
        assert not set(one(Settings()).door().paths) & set(other(Settings()).door().paths)


def test_a_name_that_no_dialect_has_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ServiceError, match=r"'gochta' is none: resonance, nexo, gochat are, or all"):
        enabled(Settings(dialects=Dialects(enabled=("nexo", "gochta"))))


def test_some_can_be_spoken() -> None:
    assert [dialect.name for dialect in enabled(Settings(dialects=Dialects(enabled=("gochat",))))] == ["gochat"]
