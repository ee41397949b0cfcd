"""One process works at a time; another one takes over within a bound."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from resonance.config.engines import StoreConfig
from resonance.domain.errors import Code, ServiceError
from resonance.engines.sqlite.store import SqliteStore
from resonance.ports.store import Store
from resonance.task.leader import TRIES, Leader

TTL_S = 0.6
SLACK_S = 2.0
"""What a busy machine may add to a bound."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    engine = SqliteStore(tmp_path / "resonance.db", StoreConfig())
    await engine.start()
    yield engine
    engine.close()
    await engine.join()


class Floor:
    """Who works now."""

    def __init__(self) -> None:
        self.working: list[str] = []
        self.most = 0
        self._changed = asyncio.Event()

    def enter(self, name: str) -> None:
        self.working.append(name)
        self.most = max(self.most, len(self.working))
        self._changed.set()

    def leave(self, name: str) -> None:
        self.working.remove(name)
        self._changed.set()

    async def wait(self, *names: str) -> None:
        """Wait until these work, and nobody else."""
        async with asyncio.timeout(10):
            while self.working != list(names):
                self._changed.clear()
                await self._changed.wait()


class Shift:
    """Work that shows itself."""

    def __init__(self, floor: Floor, name: str) -> None:
        self._floor = floor
        self._name = name

    def start(self) -> None:
        self._floor.enter(self._name)

    async def close(self) -> None:
        self._floor.leave(self._name)


def leader(store: Store, floor: Floor, name: str, owner: str = "", ttl_s: float = TTL_S) -> Leader:
    return Leader(store, "task", owner or name, ttl_s, lambda: Shift(floor, name))


class Cut(SqliteStore):
    """A store that can be out of reach for the one who has it in hand."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.away = False
        self.hangs = False
        self.calls = 0
        self._news = asyncio.Event()

    async def called(self) -> None:
        """Wait for the next call."""
        self._news.clear()
        await self._news.wait()

    async def lease(self, name: str, owner: str, ttl_ms: int) -> bool:
        self.calls += 1
        self._news.set()
        if self.hangs:
            await asyncio.Event().wait()
        if self.away:
            raise ServiceError(Code.UNAVAILABLE)
        return await self.store.lease(name, owner, ttl_ms)


async def test_one_works_and_the_other_takes_over_when_it_stops(store: Store) -> None:
    floor = Floor()
    first, second = leader(store, floor, "first", ttl_s=5), leader(store, floor, "second", ttl_s=5)
    first.start()
    await floor.wait("first")
    second.start()
    began = time.monotonic()
    await first.close()
    await floor.wait("second")
    assert time.monotonic() - began < 1 + SLACK_S, "the lease was given back"
    await second.close()
    assert (floor.working, floor.most) == ([], 1)


@pytest.mark.parametrize("how", ["away", "hangs"])
async def test_who_cannot_renew_ends_its_work_before_another_one_begins(store: Store, how: str) -> None:
    floor = Floor()
    cut = Cut(store)
    first, second = leader(cut, floor, "first"), leader(store, floor, "second")
    first.start()
    await floor.wait("first")
    second.start()
    setattr(cut, how, True)
    began = time.monotonic()
    await floor.wait("second")
    assert time.monotonic() - began < 2 * TTL_S + SLACK_S
    assert floor.most == 1
    setattr(cut, how, False)
    await second.close()
    await floor.wait("first")
    await first.close()


async def test_a_lease_that_is_renewed_is_kept(store: Store) -> None:
    floor = Floor()
    cut = Cut(store)
    first, second = leader(cut, floor, "first", ttl_s=3), leader(store, floor, "second", ttl_s=3)
    first.start()
    await floor.wait("first")
    second.start()
    async with asyncio.timeout(30):
        while cut.calls <= 2 * TRIES:
            await cut.called()
    assert (floor.working, floor.most) == (["first"], 1)
    await first.close()
    await second.close()


async def test_who_comes_back_under_its_name_works_at_once(store: Store) -> None:
    floor = Floor()
    assert await store.lease("task", "serve", 60_000)  # by a process that was killed
    again = leader(store, floor, "again", owner="serve")
    again.start()
    async with asyncio.timeout(10):
        await floor.wait("again")
    await again.close()
