"""kill -9 of every role under load: nothing acked is lost, doubled or out of order, and nobody stays stale."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from pathlib import Path

import pytest

from tests.e2e.clients import User
from tests.e2e.servers import Deployment
from tests.faults.talkers import Talker, check, stored

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

SOAK = bool(os.environ.get("RESONANCE_SOAK"))
ROUNDS = int(os.environ.get("KILL_ROUNDS", "20" if SOAK else "2"))

LINK = {"RESONANCE_RPC__HEARTBEAT": "0.5", "RESONANCE_RPC__DEADLINE": "3", "RESONANCE_RPC__LEASE": "3"}


async def start_talking(deployment: Deployment, pairs: int) -> list[Talker]:
    """Register pairs of users and let them talk."""
    talkers = []
    for _ in range(pairs):
        suffix = secrets.token_hex(3)
        ann = await User.register(deployment.url, f"ann{suffix}")
        bob = await User.register(deployment.url, f"bob{suffix}")
        conversation = (await ann.post("/conversations", user_id=bob.name))["conversation_id"]
        talkers += [Talker(ann, conversation), Talker(bob, conversation)]
    for talker in talkers:
        talker.start()
    return talkers


async def some_more_acks(talkers: list[Talker], count: int) -> None:
    """Wait until every talker got this many acks more."""
    goals = [len(talker.acked) + count for talker in talkers]
    await asyncio.gather(*(talker.wait_acks(goal) for talker, goal in zip(talkers, goals, strict=True)))


CASES = [("serve", "serve"), ("split", "gateway"), ("split", "logic"), ("split", "repo"), ("split", "task")]


@pytest.mark.parametrize(("topology", "victim"), CASES, ids=[f"{t}-{v}" for t, v in CASES])
async def test_a_killed_role_loses_nothing(topology: str, victim: str, tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    deployment = Deployment(topology, tmp_path, **LINK)
    await deployment.start()
    try:
        talkers = await start_talking(deployment, pairs=4)
        for _ in range(ROUNDS):
            await some_more_acks(talkers, rng.randrange(5, 30))
            await deployment.kill_and_restart(victim)
        await some_more_acks(talkers, 10)
        for talker in talkers:
            await talker.stop()
        for talker in talkers:
            rows = stored(deployment.database, talker.conversation)
            await talker.wait_seen(len(rows))
            partners = [other for other in talkers if other.conversation == talker.conversation]
            check(partners, rows)
        if victim in {"serve", "gateway"}:
            assert all(talker.connections > 1 for talker in talkers), "nobody noticed the kill"
        for talker in talkers:
            await talker.close()
    finally:
        await deployment.stop()
