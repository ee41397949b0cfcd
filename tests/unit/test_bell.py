"""The bell of the outbox: who waits is woken by what was committed, whoever rings afterwards."""

from __future__ import annotations

import asyncio

from resonance.engines.sql.bell import Bell


async def test_an_older_position_that_rings_late_takes_nothing_back() -> None:
    bell = Bell()
    waiting = asyncio.create_task(bell.wait_beyond(16, 10))
    while not bell.awaited:  # noqa: ASYNC110
        await asyncio.sleep(0)
    bell.ring(17)
    bell.ring(16)
    assert await waiting


async def test_nobody_is_told_of_what_is_not_there() -> None:
    bell = Bell()
    bell.ring(3)
    assert await bell.wait_beyond(2, 0)
    assert not await bell.wait_beyond(3, 0)


async def test_a_silent_bell_lets_everybody_go() -> None:
    bell = Bell()
    waiting = asyncio.create_task(bell.wait_beyond(0, 10))
    while not bell.awaited:  # noqa: ASYNC110
        await asyncio.sleep(0)
    bell.silence()
    assert not await waiting
