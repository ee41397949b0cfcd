"""Calls over several instances, as a registry tells of them: real servers on loopback."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from resonance.config.settings import Rpc
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import UserId
from resonance.domain.model import Caller, Entry, SendItem
from resonance.ports.registry import Instance, Watch
from resonance.rpc.methods import methods_of
from resonance.rpc.pool import Pool
from resonance.rpc.remote import remote
from resonance.rpc.server import RpcServer
from resonance.services.delivery import Delivery
from resonance.services.friends import Friends
from resonance.services.messages import Messages
from tests.contract.rpc.conftest import friends_doing, serving
from tests.engines.processes import free_port

SETTINGS = Rpc(deadline=5)
BOB = Caller(UserId("bob"), 5, "device")
ANNA = Caller(UserId("anna"), 5, "device")
SLOW = Caller(UserId("slow"), 5, "device")


class Cluster:
    """Servers that count their calls, and the set of them that a caller knows."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.watch = Watch()
        self.calls: Counter[str] = Counter()
        self.called = asyncio.Event()
        self.hold = asyncio.Event()  # calls of SLOW wait for it
        self._stack = stack

    async def add(self, id_: str) -> RpcServer:
        """Start a server and make it known."""

        async def answer(method: str, arguments: tuple[object, ...]) -> object:
            self.calls[id_] += 1
            self.called.set()
            if arguments[0] == SLOW:
                await self.hold.wait()
            return [] if method == "blocked" else None

        server = await self._stack.enter_async_context(serving("127.0.0.1:0", friends_doing(answer)))
        self.watch.set([*self.watch.instances, Instance("logic-service", id_, server.address)])
        return server

    def drain(self, id_: str) -> None:
        """Make it known that an instance wants no work."""
        self.watch.set(replace(one, draining=True) if one.id == id_ else one for one in self.watch.instances)

    def remove(self, id_: str) -> None:
        """Make it known that an instance is gone."""
        self.watch.set(one for one in self.watch.instances if one.id != id_)


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with AsyncExitStack() as stack:
        yield Cluster(stack)


@pytest.fixture
async def pool(cluster: Cluster) -> AsyncIterator[Pool]:
    pool = Pool("logic-service", cluster.watch, SETTINGS)
    yield pool
    await pool.close()


async def ask(friends: Friends, times: int) -> None:
    """Call a read this often."""
    for _ in range(times):
        await friends.blocked(ANNA)


async def test_calls_take_turns(cluster: Cluster, pool: Pool) -> None:
    for id_ in "abc":
        await cluster.add(id_)
    await ask(remote(Friends, pool), 30)
    assert cluster.calls == {"a": 10, "b": 10, "c": 10}


async def test_who_comes_is_called_and_who_drains_is_not(cluster: Cluster, pool: Pool) -> None:
    friends = remote(Friends, pool)
    await cluster.add("a")
    await ask(friends, 2)
    await cluster.add("b")
    await ask(friends, 4)
    assert cluster.calls == {"a": 4, "b": 2}
    cluster.drain("a")
    await ask(friends, 4)
    assert cluster.calls == {"a": 4, "b": 6}
    cluster.drain("b")
    await ask(friends, 4)
    assert cluster.calls == {"a": 6, "b": 8}, "somebody has to do it"


async def test_the_dead_are_left_out(cluster: Cluster, pool: Pool) -> None:
    """Before the registry knows: a call that finds nobody goes to the next one."""
    await cluster.add("a")
    dead = await cluster.add("b")
    friends = remote(Friends, pool)
    await ask(friends, 2)
    await dead.terminate()
    await ask(friends, 4)  # repeated where they find nobody
    for _ in range(20):
        await friends.set_remark(ANNA, "bert", "x")  # never repeated
    assert cluster.calls == {"a": 25, "b": 1}


async def test_an_instance_with_an_address_that_is_none_is_left_out(cluster: Cluster, pool: Pool) -> None:
    await cluster.add("a")
    cluster.watch.set([Instance("logic-service", "odd", "no address"), *cluster.watch.instances])
    await ask(remote(Friends, pool), 2)
    assert cluster.calls == {"a": 2}


async def test_who_does_not_answer_in_time_is_left_out_for_a_while(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that hangs still has its connections."""
    monkeypatch.setattr("resonance.rpc.channel.SHUN_S", 0.3)
    pool = Pool("logic-service", cluster.watch, Rpc(deadline=0.2))
    try:
        await cluster.add("a")
        friends = remote(Friends, pool)
        with pytest.raises(ServiceError) as caught:
            await friends.blocked(SLOW)
        assert caught.value.code is Code.DEADLINE
        await cluster.add("b")
        for _ in range(4):
            await friends.set_remark(ANNA, "bert", "x")
        assert cluster.calls == {"a": 1, "b": 4}
        async with asyncio.timeout(5):
            while cluster.calls["a"] == 1:
                await friends.set_remark(ANNA, "bert", "x")
    finally:
        cluster.hold.set()
        await pool.close()


async def test_calls_to_who_is_gone_come_to_their_end(cluster: Cluster, pool: Pool) -> None:
    await cluster.add("a")
    friends = remote(Friends, pool)
    slow = asyncio.create_task(friends.blocked(SLOW))
    await cluster.called.wait()
    await cluster.add("b")
    cluster.remove("a")
    await ask(friends, 3)
    assert cluster.calls == {"a": 1, "b": 3}
    cluster.hold.set()
    assert await slow == []


async def test_a_registry_that_forgot_everybody_is_not_believed(cluster: Cluster, pool: Pool) -> None:
    await cluster.add("a")
    friends = remote(Friends, pool)
    await ask(friends, 1)
    cluster.remove("a")
    await ask(friends, 1)
    assert cluster.calls == {"a": 2}


async def test_every_call_waits_a_moment_for_somebody_to_come(cluster: Cluster, pool: Pool) -> None:
    """Also one that must not be repeated: it was not made yet."""
    friends = remote(Friends, pool)
    waiting = asyncio.create_task(friends.set_remark(ANNA, "bert", "x"))
    await asyncio.sleep(0)
    await cluster.add("a")
    await waiting
    assert cluster.calls == {"a": 1}


async def test_nobody_is_said_to_be_there(pool: Pool) -> None:
    with pytest.raises(ServiceError, match="no instance of logic-service is known") as caught:
        await remote(Friends, pool).blocked(ANNA)
    assert caught.value.code is Code.UNAVAILABLE


async def test_calls_with_one_key_go_to_one_instance_and_keys_spread(cluster: Cluster, pool: Pool) -> None:
    """Also in another process, whose list has another order; and to the next one when the preferred one is gone."""
    instances = [Instance("logic-service", f"i{number}", f"127.0.0.1:{free_port()}") for number in range(3)]
    cluster.watch.set(instances)
    keys = [f"conversation {number}" for number in range(60)]
    first = {key: pool.pick(key) for key in keys}
    assert all(pool.pick(key) is first[key] for key in keys)
    assert len(set(map(id, first.values()))) == 3
    cluster.watch.set(instances[:2])
    again = {key: pool.pick(key) for key in keys}
    moved = [key for key in keys if again[key] is not first[key]]
    assert 0 < len(moved) < 40


async def test_messages_and_pushes_of_one_conversation_have_one_key() -> None:
    """Whether a message names the conversation or the recipient."""
    send, deliver = methods_of(Messages)["send"], methods_of(Delivery)["deliver_entries"]
    by_user = SendItem(1, 1, "bob", "k", "", "ann", 1, "hi", "", "")
    entry = Entry("si_ann_bob", 1, 1, "bob", "k", 1, "hi", "", 1, 1)
    keys = {
        send.key((BOB, by_user)),
        send.key((BOB, by_user._replace(to_user="", conversation_id="si_ann_bob"))),
        deliver.key(([entry], [])),
    }
    assert keys == {"si_ann_bob"}
