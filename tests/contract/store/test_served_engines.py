"""What only an engine with overlapping transactions has to prove: two processes' stores on one database."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import AppendStatus, Conversation, NewEntry
from resonance.engines.sql.transactions import Isolation, Transactions
from resonance.engines.sql.tx import Tx
from resonance.ports.store import STALLED_TRANSACTION_MS, Store
from tests.contract.store.conftest import emptied, running, store_on
from tests.contract.store.making import change, group, kick, people, person, refused, say, state
from tests.contract.store.suite_append import item
from tests.engines import SERVED, Server

SERVERS = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in SERVED]
WRITERS = 6
ROUNDS = 15


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Server:
    """A running server."""
    running: Server = request.getfixturevalue(request.param)
    return running


@pytest.fixture
async def stores(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[list[Store]]:
    """Two stores on one empty database, as two logic processes would have them."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(emptied(server))
        second = await stack.enter_async_context(running(server))
        yield [first, second]


async def test_a_reader_passes_no_event_that_commits_late(stores: list[Store]) -> None:
    names = [f"user{number}" for number in range(2 * WRITERS)]
    await people(stores[0], *names)
    chats = [(await stores[0].open_single(*pair)).id for pair in zip(names[::2], names[1::2], strict=True)]
    done = asyncio.Event()

    async def write(number: int) -> None:
        store, peer = stores[number % 2], names[2 * number + 1]
        for _ in range(ROUNDS):
            seq = (await say(store, chats[number], names[2 * number])).seq
            await store.mark_read(peer, chats[number], seq)

    async def read(store: Store) -> list[int]:
        positions: list[int] = []
        after = 0
        while True:
            finished = done.is_set()
            page = await store.outbox(after, 7, 200)
            positions += [event.position for event in page.events]
            if finished and page.end == after:
                return positions
            after = page.end

    readers = [asyncio.create_task(read(store)) for store in stores]
    await asyncio.gather(*(write(number) for number in range(WRITERS)))
    done.set()
    everything = [event.position for event in (await stores[0].outbox(0, 10_000, 0)).events]
    assert len(everything) >= 2 * WRITERS * ROUNDS
    assert [await reader for reader in readers] == [everything, everything]


async def test_two_writers_of_the_same_keys_store_each_once_and_leave_no_hole(stores: list[Store]) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    await people(stores[0], "anna", "bert", "carl")
    chats = [await stores[0].open_single("anna", "bert"), await stores[0].open_single("anna", "carl")]
    batches: list[list[NewEntry]] = [
        [item(rng.choice(chats), "anna", f"k{rng.randrange(40)}") for _ in range(rng.randint(1, 6))] for _ in range(40)
    ]
    outcomes = await asyncio.gather(*(stores[n % 2].append(batch) for n, batch in enumerate(batches)))
    stored = [
        entry.client_msg_id
        for entry, result in zip(
            [entry for batch in batches for entry in batch],
            [result for outcome in outcomes for result in outcome.results],
            strict=True,
        )
        if result.status == AppendStatus.STORED
    ]
    logs = [await stores[0].entries(chat.id, 1, 1_000) for chat in chats]
    assert sorted(stored) == sorted(set(stored)) == sorted(entry.client_msg_id for log in logs for entry in log)
    for log, chat in zip(logs, chats, strict=True):
        assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
        assert (await state(stores[1], chat.id)).max_seq == len(log)


async def test_a_change_of_a_busy_group_gets_its_turn(stores: list[Store]) -> None:
    await people(stores[0], "anna", "bert", "carl")
    chat = await group(stores[0], "anna", "bert", "carl")
    busy = True

    async def talk(store: Store, name: str) -> int:
        number = 0
        while busy:
            number += 1
            await store.append([item(chat, "anna", f"{name}{number}")])
        return number

    talkers = [asyncio.create_task(talk(store, name)) for store, name in zip(stores, "xy", strict=True)]
    await asyncio.sleep(0)
    changed = await change(stores[0], chat, kick("bert"))
    busy = False
    await asyncio.gather(*talkers)
    assert changed.version == chat.version + 1


@pytest.mark.parametrize("name", SERVERS)
async def test_nothing_acked_is_lost_when_the_server_crashes_and_the_store_comes_back_by_itself(name: str) -> None:
    with SERVED[name]() as server:
        store = store_on(server)
        await store.start()
        await people(store, "anna", "bert")
        chat = await store.open_single("anna", "bert")
        acked: list[int] = []
        failed: set[Code] = set()
        crashed = asyncio.Event()

        async def talk() -> None:
            number = 0
            while not (crashed.is_set() and failed and acked[-1] == number):
                number += 1
                try:
                    [result] = (await store.append([item(chat, "anna", f"k{number}")])).results
                except ServiceError as error:
                    failed.add(error.code)
                    number -= 1
                else:
                    assert result.status in (AppendStatus.STORED, AppendStatus.DUPLICATE)
                    acked.append(number)

        talker = asyncio.create_task(talk())
        while len(acked) < 20:
            await say(store, chat.id, "bert")
        await asyncio.to_thread(server.crash)
        with refused(Code.STORAGE_UNAVAILABLE):
            await say(store, chat.id, "bert")
        await asyncio.to_thread(server.start)
        crashed.set()
        async with asyncio.timeout(30):
            await talker
        assert all(code.value.retry for code in failed), failed
        kept = [entry.client_msg_id for entry in await store.entries(chat.id, 1, 10_000) if entry.sender == "anna"]
        assert kept == [f"k{number}" for number in acked]
        store.close()
        await store.join()


async def test_who_waits_hears_of_commits_of_another_process(stores: list[Store]) -> None:
    await people(stores[0], "anna", "bert")
    chat = await stores[0].open_single("anna", "bert")
    after = (await stores[1].outbox(0, 100, 0)).end
    waiting = asyncio.create_task(stores[1].outbox(after, 100, 60_000))
    await asyncio.sleep(0)
    await say(stores[0], chat.id, "anna")
    async with asyncio.timeout(10):
        page = await waiting
    assert [event.key for event in page.events] == [chat.id]


async def test_worker_ids_are_leased_once(stores: list[Store]) -> None:
    owners = [f"logic-{number}" for number in range(40)]
    leases = await asyncio.gather(*(stores[n % 2].lease_worker(owner, 60_000) for n, owner in enumerate(owners)))
    assert len(set(leases)) == len(owners)
    assert await asyncio.gather(*(stores[1].lease_worker(owner, 60_000) for owner in owners)) == leases


async def test_rights_that_were_checked_before_a_change_elsewhere_are_stale(stores: list[Store]) -> None:
    await people(stores[0], "anna", "bert", "carl")
    chat = await group(stores[0], "anna", "bert", "carl")
    await change(stores[0], chat, kick("bert"))
    [result] = (await stores[1].append([item(chat, "bert", "k")])).results
    assert result.status == AppendStatus.STALE


async def test_everybody_registers_at_once(stores: list[Store]) -> None:
    names = [f"user{number}" for number in range(60)]
    await asyncio.gather(*(person(stores[n % 2], name) for n, name in enumerate(names)))
    assert [user.id for user in await stores[0].list_users("", 100)] == sorted(names)


async def test_terminating_breaks_what_runs_and_leaves_no_half(server: Server, stores: list[Store]) -> None:
    await people(stores[0], "anna", "bert")
    chat = await stores[0].open_single("anna", "bert")
    third = store_on(server)
    await third.start()
    calls = [
        asyncio.create_task(third.append([item(chat, "anna", f"k{n}"), item(chat, "bert", f"k{n}")])) for n in range(30)
    ]
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    third.terminate()
    await third.join()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    acked = {f"k{n}" for n, outcome in enumerate(outcomes) if not isinstance(outcome, BaseException)}
    assert all(isinstance(outcome, ServiceError) for outcome in outcomes if isinstance(outcome, BaseException)), (
        outcomes
    )
    log = await stores[0].entries(chat.id, 1, 1_000)
    assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
    keys = Counter(entry.client_msg_id for entry in log)
    assert set(keys.values()) == {2}
    assert acked <= set(keys)


async def test_a_transaction_whose_caller_went_away_ends_by_itself(stores: list[Store]) -> None:
    await people(stores[0], "anna", "bert")
    chat = await stores[0].open_single("anna", "bert")
    calls = [asyncio.create_task(stores[0].append([item(chat, "anna", f"k{number}")])) for number in range(20)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    with refused(Code.USER_NOT_FOUND):
        await stores[0].open_single("anna", "nobody")
    # One read: what was cancelled may still be stored meanwhile.
    entries = await stores[1].entries(chat.id, 1, 100)
    keys = {entry.client_msg_id for entry in entries}
    assert keys >= {f"k{number}" for number in range(1, 20, 2)}
    assert [entry.seq for entry in entries] == list(range(1, len(keys) + 1))


async def test_who_stands_still_in_a_transaction_holds_nobody_up_for_long(stores: list[Store]) -> None:
    """As a process that is stopped while it holds rows: the server lets go of them, and what it did is undone."""
    await people(stores[0], "anna", "bert")
    chat = await stores[0].open_single("anna", "bert")
    still, go_on = asyncio.Event(), asyncio.Event()

    async def stall(tx: Tx) -> None:
        await tx.run("UPDATE conversations SET name = 'half' WHERE id = :id", id=chat.id)
        still.set()
        await go_on.wait()

    connections: Transactions[Any] = stores[1]._connections  # type: ignore[attr-defined]
    stalled = asyncio.create_task(connections.transact(Isolation.LOCKED, stall))
    await still.wait()
    async with asyncio.timeout(STALLED_TRANSACTION_MS / 1000 + 10):
        while (await said(stores[0], chat)) is None:
            pass
    go_on.set()
    with pytest.raises(ServiceError) as caught:
        await stalled
    assert caught.value.code in {Code.STORAGE_UNAVAILABLE, Code.DEADLINE}, "its outcome may be unknown to it"
    assert (await state(stores[0], chat.id)).name == ""
    assert (await say(stores[1], chat.id, "bert")).seq == 2


async def said(store: Store, chat: Conversation) -> int | None:
    """Say something, if the rows can be had."""
    try:
        return (await say(store, chat.id, "anna")).seq
    except ServiceError as error:
        if not error.code.value.retry:
            raise
        return None
