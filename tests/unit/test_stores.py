"""Engines whose driver is not installed say how to get it."""

from __future__ import annotations

import sys

import pytest
from pydantic import SecretStr

from resonance.config import Settings
from resonance.config.engines import StoreConfig
from resonance.domain.errors import Code, ServiceError
from resonance.stores import make_store


@pytest.mark.parametrize(("kind", "driver"), [("postgres", "asyncpg"), ("mysql", "asyncmy")])
def test_a_missing_driver_is_told_with_its_extra(kind: str, driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, f"resonance.engines.{kind}.store", raising=False)
    monkeypatch.setitem(sys.modules, driver, None)
    settings = Settings(store=StoreConfig.model_validate({"kind": kind, "url": SecretStr("x://y")}))
    with pytest.raises(ServiceError) as caught:
        make_store(settings)
    assert (caught.value.code, caught.value.field) == (Code.INVALID_ARGUMENT, "store.kind")
    assert f"{driver} is not installed: pip install 'resonance-im[{kind}]'" in caught.value.message
