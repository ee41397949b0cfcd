"""kill -9 of every role under load: nothing acked is lost, doubled or out of order, and nobody stays stale."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.servers import Deployment
from tests.faults.talkers import Talker, finish, meet_and_talk, reader, talk_through

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

SOAK = bool(os.environ.get("RESONANCE_SOAK"))
ROUNDS = int(os.environ.get("KILL_ROUNDS", "20" if SOAK else "2"))

LINK = {"RESONANCE_RPC__HEARTBEAT": "0.5", "RESONANCE_RPC__DEADLINE": "3", "RESONANCE_RPC__LEASE": "3"}


async def start_talking(deployment: Deployment, pairs: int) -> list[Talker]:
    """Register pairs of users and let them talk."""
    return await meet_and_talk(deployment.url, deployment.url, pairs)


CASES = [("serve", "serve"), ("split", "gateway"), ("split", "logic"), ("split", "repo"), ("split", "task")]


@pytest.mark.parametrize(("topology", "victim"), CASES, ids=[f"{t}-{v}" for t, v in CASES])
async def test_a_killed_role_loses_nothing(topology: str, victim: str, tmp_path: Path) -> None:
    deployment = Deployment(topology, tmp_path, **LINK)
    await deployment.start()
    try:
        talkers = await start_talking(deployment, pairs=4)
        await talk_through(talkers, ROUNDS, 30, lambda: deployment.kill_and_restart(victim))
        await finish(talkers, reader(deployment.database))
        if victim in {"serve", "gateway"}:
            assert all(talker.connections > 1 for talker in talkers), "nobody noticed the kill"
    finally:
        await deployment.stop()
