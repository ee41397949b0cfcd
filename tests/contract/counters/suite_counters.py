"""What every engine of the counters port promises; an engine's test file inherits this class and makes the engine."""

from __future__ import annotations

import asyncio
import time

from resonance.ports.counters import Counters

LONG_MS = 60_000
PATIENCE_S = 20.0


class CountersSuite:
    """Subclasses say how to make empty counters."""

    def make(self) -> Counters:
        """Return counters that have counted nothing."""
        raise NotImplementedError

    async def test_the_limit_holds_until_the_window_ends(self) -> None:
        """Attempts that are refused do not prolong it."""
        counters = self.make()
        for _ in range(3):
            assert await counters.enter("login", "ann", 3, 500) == 0
        wait = await counters.enter("login", "ann", 3, 500)
        assert 0 < wait <= 500
        end = time.monotonic() + PATIENCE_S
        while await counters.enter("login", "ann", 3, LONG_MS):
            assert time.monotonic() < end
            await asyncio.sleep(0.02)
        assert await counters.enter("login", "ann", 2, LONG_MS) == 0
        assert LONG_MS - 5_000 < await counters.enter("login", "ann", 2, LONG_MS) <= LONG_MS

    async def test_neither_keys_nor_kinds_share(self) -> None:
        counters = self.make()
        for kind, key in (("login", "ann"), ("login", "bob"), ("register", "ann")):
            assert await counters.enter(kind, key, 1, LONG_MS) == 0
        for kind, key in (("login", "ann"), ("login", "bob"), ("register", "ann")):
            assert await counters.enter(kind, key, 1, LONG_MS) > 0

    async def test_what_is_taken_back_or_reset_does_not_count(self) -> None:
        counters = self.make()
        for _ in range(2):
            await counters.enter("login", "ann", 2, LONG_MS)
        await counters.take_back("login", "ann")
        assert await counters.enter("login", "ann", 2, LONG_MS) == 0
        assert await counters.enter("login", "ann", 2, LONG_MS) > 0
        await counters.reset("login", "ann")
        assert await counters.enter("login", "ann", 1, LONG_MS) == 0

    async def test_taking_back_what_was_never_counted_gives_no_credit(self) -> None:
        counters = self.make()
        await counters.take_back("login", "ann")
        assert await counters.enter("login", "ann", 1, LONG_MS) == 0
        assert await counters.enter("login", "ann", 1, LONG_MS) > 0

    async def test_taking_back_does_not_begin_a_new_window(self) -> None:
        """Nor end it: who aborts every attempt but the last gets no longer window, and no endless one."""
        counters = self.make()
        await counters.enter("login", "ann", 1, 30_000)
        await counters.take_back("login", "ann")
        await counters.enter("login", "ann", 1, LONG_MS)
        assert 0 < await counters.enter("login", "ann", 1, LONG_MS) <= 30_000

    async def test_many_at_once_do_not_slip_through(self) -> None:
        counters = self.make()
        waits = await asyncio.gather(*(counters.enter("login", "ann", 10, LONG_MS) for _ in range(50)))
        assert waits.count(0) == 10

    async def test_buckets_lose_what_was_given_and_fill_at_their_rate(self) -> None:
        counters = self.make()
        assert await counters.spend("messages", {"ann": 3, "bob": 5}, 0.001) == {"ann": 3, "bob": 5}
        found = await counters.spend("messages", {"ann": 2}, 0.001)
        assert 4.9 < found["ann"] <= 5
        assert await counters.spend("others", {"ann": 1}, 0.001) == {"ann": 1}
        end = time.monotonic() + PATIENCE_S
        while (await counters.spend("messages", {"bob": 0}, 50))["bob"]:
            assert time.monotonic() < end
            await asyncio.sleep(0.02)

    async def test_buckets_owe_what_was_given_beyond_them_up_to_a_bound(self) -> None:
        counters = self.make()
        for expected in (15, 30, 32, 32):  # a bucket of this rate holds 2, and the bound is 16 of them
            found = await counters.spend("messages", {"ann": 15}, 0.2)
            assert expected - 0.5 < found["ann"] <= expected

    async def test_many_buckets_at_once(self) -> None:
        counters = self.make()
        given = {f"user-{number}": number % 7 for number in range(2_500)}
        assert await counters.spend("messages", given, 0.0001) == given
