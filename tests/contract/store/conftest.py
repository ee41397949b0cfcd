"""The stores that the conformance suites run over: one fixture, one parameter per engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from resonance.config.settings import StoreConfig
from resonance.engines.sqlite import connection
from resonance.engines.sqlite.store import SqliteStore
from resonance.ports.store import Store


@pytest.fixture(params=["sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A started, empty store."""
    engine = SqliteStore(tmp_path / "resonance.db", StoreConfig())
    await engine.start()
    yield engine
    engine.close()
    await engine.join()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A function that lets the store's clock jump ahead by so many ms."""
    real, ahead = connection.wall_ms, [0]
    monkeypatch.setattr(connection, "wall_ms", lambda: real() + ahead[0])

    def jump(ms: int) -> None:
        ahead[0] += ms

    return jump
