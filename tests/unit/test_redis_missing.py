"""A server that is to use Redis says what is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from resonance.config.load import load
from resonance.domain.errors import Code, ServiceError
from resonance.shared import Shared


@pytest.mark.parametrize("key", ["RESONANCE_ROUTES__KIND", "RESONANCE_COUNTERS__KIND"])
async def test_a_missing_library_is_told_with_its_extra(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("resonance.engines.redis")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    shared = Shared(load(folder=tmp_path, environ={key: "redis"}).settings)
    with pytest.raises(ServiceError, match=r"resonance-im\[redis\]") as refused:
        await (shared.routes() if "ROUTES" in key else shared.counters())
    assert refused.value.code is Code.INVALID_ARGUMENT
