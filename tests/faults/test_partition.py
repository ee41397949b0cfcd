"""Two gateways and two logics, and wires between them that are cut: nothing acked is lost, nobody is cut off."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.servers import Deployment, Process
from tests.faults.proxy import Proxy
from tests.faults.talkers import Talker, finish, longest_pause, meet_and_talk, noticed, reader, some_more_acks
from tests.faults.test_kill import LINK, SOAK

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

ACKS = 10
ROUNDS = 10 if SOAK else 1
LOST = ("a link to logic is lost", "logic cannot be reached")
"""What a gateway says when it has no link to a logic: it may have been about to link anew when the wire was cut."""
PATIENCE_S = 15.0
"""Nobody waits longer for an ack: after 30 s people connect again and send by themselves what was swallowed."""


class Crossed:
    """Two of each; each gateway has wires of its own to both logics.

    It knows logics by the addresses of its wires, so the two gateways do not agree on which logic a conversation is
    for: the seqs of one are given by both logics at the same time.
    """

    def __init__(self, folder: Path) -> None:
        self.deployment = Deployment("split", folder, RESONANCE_ROLES__LOGIC_LISTEN="127.0.0.1:0", **LINK)
        processes = self.deployment.processes
        for role in ("logic", "gateway"):
            environment = {**self.deployment.environment, "RESONANCE_SERVICE__INSTANCE": "1"}
            processes[f"{role}1"] = Process(role, folder, environment)
        self.gateways = [processes["gateway"], processes["gateway1"]]
        self.wires = [[self._wire(name) for name in ("logic", "logic1")] for _ in self.gateways]

    def _wire(self, logic: str) -> Proxy:
        return Proxy(lambda: self.deployment.processes[logic].addresses["logic"])

    async def start(self) -> None:
        """Start the wires, then the roles; task calls over those of the second gateway, which nobody cuts."""
        for wires in self.wires:
            for wire in wires:
                await wire.start()
        for process in self.deployment.processes.values():
            wires = self.wires[0 if process is self.gateways[0] else 1]
            logics = ",".join(wire.address for wire in wires)
            endpoints = {"logic-service": logics, "repo-service": "unix:repo.sock"}
            process.environment["RESONANCE_ENDPOINTS"] = json.dumps(endpoints)
        await self.deployment.start()

    async def stop(self) -> None:
        """Stop the roles, then the wires."""
        self.heal()
        await self.deployment.stop()
        for wires in self.wires:
            for wire in wires:
                await wire.stop()

    def heal(self) -> None:
        """Let all wires of the first gateway pass on again."""
        for wire in self.wires[0]:
            wire.heal()

    async def cut(self, number: int) -> None:
        """Cut the first gateway off from a logic, until it has noticed."""
        gateway = self.gateways[0]
        since = len(gateway.log)
        wire = self.wires[0][number]
        wire.cut(up=True, down=True)
        await gateway.wait_log(lambda entry: entry.get("event") in LOST and entry.get("logic") == wire.address, since)


@pytest.fixture
async def crossed(tmp_path: Path) -> AsyncIterator[Crossed]:
    made = Crossed(tmp_path)
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


async def start_talking(crossed: Crossed) -> list[Talker]:
    """Let people talk, the two of a pair over different gateways."""
    one, other = (gateway.addresses["http"].rstrip("/") for gateway in crossed.gateways)
    return await meet_and_talk(one, other, pairs=3)


async def test_a_gateway_that_is_cut_off_from_one_logic_and_then_from_both_loses_nothing(crossed: Crossed) -> None:
    talkers = await start_talking(crossed)
    began = asyncio.get_running_loop().time()
    there = [talker for talker in talkers if talker.user.url == talkers[0].user.url]
    for turn in range(ROUNDS):
        await some_more_acks(talkers, ACKS)
        async with noticed(talkers, "a gateway cut off from one of two logics"):
            await crossed.cut(turn % 2)
            await some_more_acks(talkers, ACKS)
        async with noticed(talkers, "a gateway cut off from both logics"):
            await crossed.cut(1 - turn % 2)
            others = [talker for talker in talkers if talker not in there]
            await some_more_acks(others, ACKS)
            crossed.heal()
    await some_more_acks(talkers, ACKS)
    assert longest_pause(talkers, began) < PATIENCE_S
    await finish(talkers, reader(crossed.deployment.database))
    assert not any(talker.cuts for talker in talkers), "a gateway gave up its clients"
