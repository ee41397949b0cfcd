"""Message ids: unique and rising, whatever the clocks do, and none without a lease."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonance.domain.errors import Code, ServiceError
from resonance.logic.snowflake import EPOCH_MS, LATE_MS, LEASE_MS, Snowflakes
from resonance.ports.store import Store

NOW = EPOCH_MS + 10**10


class Leases:
    """A store that leases the worker ids that a test wants."""

    def __init__(self, *workers: int) -> None:
        self.workers = list(workers)
        self.asked: list[tuple[str, int]] = []

    async def lease_worker(self, owner: str, ttl_ms: int) -> int:
        self.asked.append((owner, ttl_ms))
        if not self.workers:
            raise ServiceError(Code.LIMIT_REACHED)
        return self.workers.pop(0)


class Clocks:
    """A wall clock in ms and a monotonic one in seconds, which go when they are told to."""

    def __init__(self) -> None:
        self.wall = NOW
        self.monotonic = 100.0


def allocator(clocks: Clocks, *workers: int) -> Snowflakes:
    store = cast("Store", Leases(*workers))
    return Snowflakes(store, "logic-1", lambda: clocks.wall, lambda: clocks.monotonic)


async def test_an_id_holds_its_time_worker_and_sequence() -> None:
    ids = allocator(Clocks(), 7)
    await ids.renew()
    first, second = ids.next(), ids.next()
    assert (first >> 22, first >> 12 & 1023, first & 4095) == (10**10, 7, 0)
    assert second == first + 1


async def test_nothing_is_made_before_there_is_a_lease() -> None:
    with pytest.raises(ServiceError) as refused:
        allocator(Clocks(), 7).next()
    assert refused.value.code is Code.UNAVAILABLE


async def test_a_process_that_was_paused_is_fenced_until_it_renews() -> None:
    """Its lease may have ended meanwhile, and somebody else may have its worker id."""
    clocks = Clocks()
    ids = allocator(clocks, 7, 7)
    await ids.renew()
    clocks.monotonic += LEASE_MS / 1000 * 0.7
    ids.next()
    clocks.monotonic += LEASE_MS / 1000 * 0.3
    with pytest.raises(ServiceError) as refused:
        ids.next()
    assert refused.value.code is Code.UNAVAILABLE
    await ids.renew()
    ids.next()


async def test_the_fence_counts_from_before_the_store_was_asked() -> None:
    """The store's lease began somewhere between question and answer; only the earlier time is safe."""
    clocks = Clocks()

    class Slow(Leases):
        async def lease_worker(self, owner: str, ttl_ms: int) -> int:
            clocks.monotonic += LEASE_MS / 1000
            return await super().lease_worker(owner, ttl_ms)

    ids = Snowflakes(cast("Store", Slow(7)), "x", lambda: clocks.wall, lambda: clocks.monotonic)
    await ids.renew()
    with pytest.raises(ServiceError):
        ids.next()


async def test_a_failed_renewal_lets_the_old_lease_run_out() -> None:
    clocks = Clocks()
    ids = allocator(clocks, 7)
    await ids.renew()
    with pytest.raises(ServiceError):
        await ids.renew()
    ids.next()
    clocks.monotonic += LEASE_MS / 1000
    with pytest.raises(ServiceError):
        ids.next()


steps = st.one_of(
    st.tuples(st.just("take"), st.integers(0, 9_000)),
    st.tuples(st.just("wall"), st.integers(-5_000, 5_000)),
    st.tuples(st.just("renew"), st.integers(0, 1023)),
)


@given(steps=st.lists(steps, max_size=20))
async def test_ids_rise_whatever_the_clock_and_the_leases_do(steps: list[tuple[str, int]]) -> None:
    """The clock goes back, a ms is used up, the worker id changes, also to one it had before."""
    clocks = Clocks()
    ids = allocator(clocks, 1, *(number for kind, number in steps if kind == "renew"))
    await ids.renew()
    made: list[int] = []
    for kind, number in steps:
        if kind == "take":
            made += ids.take(number)
        elif kind == "wall":
            clocks.wall += number
        else:
            await ids.renew()
    assert made == sorted(set(made))


async def test_a_worker_of_before_is_ones_own_for_what_was_made_as_it() -> None:
    """Later its id is somebody else's, who pushes by itself."""
    clocks = Clocks()
    ids = allocator(clocks, 0, 7, 7, 0)
    assert not ids.is_own(0, NOW)
    await ids.renew()
    assert ids.is_own(0, NOW)
    clocks.monotonic += LEASE_MS / 1000
    clocks.wall += LEASE_MS
    await ids.renew()
    assert ids.is_own(7, clocks.wall)
    assert ids.is_own(0, NOW), "what it committed before it lost its lease may not be pushed yet"
    assert ids.is_own(0, clocks.wall), "a commit may end after the lease"
    await ids.renew()
    assert not ids.is_own(0, clocks.wall + LATE_MS)
    await ids.renew()
    assert ids.is_own(0, clocks.wall + LATE_MS)
    assert ids.is_own(-1, clocks.wall + LATE_MS)
