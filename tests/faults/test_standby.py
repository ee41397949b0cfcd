"""Two tasks over the outbox: one works, the other stands by, and takes over when that one dies, hangs or stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.servers import Deployment, Process
from tests.faults.receipts import Pair
from tests.faults.test_kill import LINK

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

LEASE_S = 2.0
SLACK_S = 5.0
"""What a busy machine may add to a bound."""


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    """All roles, and a second task."""
    made = Deployment("split", tmp_path, **LINK, RESONANCE_BUS__LEASE=str(LEASE_S))
    made.processes["task2"] = Process("task", tmp_path, dict(made.environment))
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


def works(process: Process) -> bool:
    return any(entry["event"] == "works alone" for entry in process.log)


async def tasks(deployment: Deployment) -> tuple[Process, Process]:
    """Return the task that works and the one that stands by."""
    both = deployment.processes["task"], deployment.processes["task2"]
    begins = [asyncio.create_task(process.wait_log(lambda entry: entry["event"] == "works alone")) for process in both]
    await asyncio.wait(begins, return_when=asyncio.FIRST_COMPLETED)
    for begin in begins:
        begin.cancel()
    first, second = sorted(both, key=works, reverse=True)
    assert not works(second), "both work"
    return first, second


async def done(process: Process) -> float:
    return sum(value for name, value in (await process.metrics()).items() if name.startswith("task_events_total"))


async def test_one_works_and_the_other_takes_over_when_it_is_killed(deployment: Deployment) -> None:
    first, second = await tasks(deployment)
    pair = await Pair.meet(deployment.url)
    for _ in range(5):
        await pair.write()
    await pair.wait_told()
    assert await done(first) > 0
    assert await done(second) == 0
    await first.kill()
    await pair.write()
    await pair.wait_told(LEASE_S * 1.2 + SLACK_S)
    await first.start()
    await pair.write()
    await pair.wait_told()
    assert not works(first), "the one that came back stands by"
    await pair.close()


async def test_a_task_that_stops_hands_over_at_once(deployment: Deployment) -> None:
    first, second = await tasks(deployment)
    pair = await Pair.meet(deployment.url)
    await first.stop()
    await pair.write()
    await pair.wait_told(LEASE_S + SLACK_S)
    assert works(second)
    await pair.close()


async def test_a_task_that_was_frozen_gives_way(deployment: Deployment) -> None:
    first, second = await tasks(deployment)
    pair = await Pair.meet(deployment.url)
    await first.pause()
    await pair.write()
    await pair.wait_told(LEASE_S * 1.2 + SLACK_S)
    first.resume()
    await first.wait_log(lambda entry: entry["event"] == "another process may work now")
    await pair.write()
    await pair.wait_told()
    assert works(second)
    await pair.close()
