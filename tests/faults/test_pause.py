"""Parts that stand still, and wires that are cut, for longer than anybody waits: nothing acked is lost or doubled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.clients import WAIT_S, Socket, people
from tests.e2e.servers import Deployment, Process
from tests.faults.proxy import Proxy
from tests.faults.talkers import Talker, check, finish, reader, some_more_acks, stored
from tests.faults.test_kill import LINK, start_talking

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

PAIRS = 3
ACKS = 10
BURST = 20
POLL_S = 0.02

NOTICES = {
    "logic": ("gateway", "a link to logic is lost"),
    "gateway": ("logic", "link silent"),
    "repo": ("logic", "sweep postponed"),
}
"""Who notices that a role stands still, and what it says then."""


class Wired:
    """A split server whose gateway and task reach logic over a wire that can be cut."""

    def __init__(self, folder: Path) -> None:
        self.proxy = Proxy(lambda: self.deployment.logic.addresses["logic"])
        self.deployment = Deployment("split", folder, RESONANCE_ROLES__LOGIC_LISTEN="127.0.0.1:0", **LINK)

    async def start(self) -> None:
        """Start the wire, then the roles."""
        await self.proxy.start()
        endpoints = json.dumps({"logic-service": self.proxy.address, "repo-service": "unix:repo.sock"})
        for process in self.deployment.processes.values():
            process.environment["RESONANCE_ENDPOINTS"] = endpoints
        await self.deployment.start()

    async def stop(self) -> None:
        """Stop the roles, then the wire."""
        self.proxy.heal()
        await self.deployment.stop()
        await self.proxy.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wired(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Wired]:
    """A server for all tests; each has its own people."""
    made = Wired(tmp_path_factory.mktemp("wired"))
    try:
        await made.start()
        yield made
    finally:
        await made.stop()


async def noticed(process: Process, event: str, since: int) -> None:
    """Wait until a process has said something again."""
    await process.wait_log(lambda entry: entry.get("event") == event, since)


@pytest.mark.parametrize("victim", ["logic", "gateway", "repo"])
async def test_a_role_that_stands_still_loses_nothing(wired: Wired, victim: str) -> None:
    witness, event = NOTICES[victim]
    watching = wired.deployment.processes[witness]
    talkers = await start_talking(wired.deployment, PAIRS)
    await some_more_acks(talkers, ACKS)
    since = len(watching.log)
    await wired.deployment.processes[victim].pause()
    try:
        await noticed(watching, event, since)
    finally:
        wired.deployment.processes[victim].resume()
    await some_more_acks(talkers, ACKS)
    await finish(talkers, reader(wired.deployment.database))
    if victim != "repo":
        assert not any(talker.cuts for talker in talkers), "the gateway gave up its clients"


@pytest.mark.parametrize("logic", ["lives", "is killed"])
async def test_what_is_stored_but_was_never_pushed_is_pushed_again(wired: Wired, logic: str) -> None:
    """Nothing is sent afterwards, so no gap tells the receiver: it depends on the repetition alone."""
    ann, bob = await people(wired.deployment.url, "ann", "bob")
    conversation = (await ann.post("/conversations", user_id=bob.name))["conversation_id"]
    at_ann, follower = await Socket.open(ann), Talker(bob, conversation)
    await follower.follow()
    wired.proxy.cut(down=True)
    for number in range(BURST):
        await at_ann.chat_nowait(conversation, f"{number}", f"{number}")
    async with asyncio.timeout(WAIT_S):
        while len(stored(wired.deployment.database, conversation)) < BURST:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)
    assert not follower.seen
    if logic == "is killed":
        await wired.deployment.logic.kill()
    await wired.proxy.reset()  # with everything that was on its way down
    wired.proxy.heal()
    if logic == "is killed":
        await wired.deployment.logic.start()
    await follower.wait_seen(BURST)
    await at_ann.wait(lambda packet: "ack" in packet, count=BURST)
    check([follower], stored(wired.deployment.database, conversation))
    assert (follower.connections, follower.cuts) == (1, 0)
    await follower.close()
    await at_ann.close()


@pytest.mark.parametrize("way", ["up", "down", "both", "reset"])
async def test_a_cut_wire_between_gateway_and_logic_loses_nothing(wired: Wired, way: str) -> None:
    gateway = wired.deployment.front
    talkers = await start_talking(wired.deployment, PAIRS)
    await some_more_acks(talkers, ACKS)
    since = len(gateway.log)
    if way == "reset":
        await wired.proxy.reset()
    else:
        wired.proxy.cut(up=way in {"up", "both"}, down=way in {"down", "both"})
    try:
        await noticed(gateway, "a link to logic is lost", since)
    finally:
        wired.proxy.heal()
    await some_more_acks(talkers, ACKS)
    await finish(talkers, reader(wired.deployment.database))
    assert not any(talker.cuts for talker in talkers), "the gateway gave up its clients"
