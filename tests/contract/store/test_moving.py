"""Moving a store into another engine, every way: all of it arrives, cut off or not, or the move says what did not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from resonance.config.engines import StoreConfig
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import OPEN_CONVERSATION
from resonance.domain.model import AppendStatus
from resonance.engines.sql import moving
from resonance.engines.sql.moving import TABLES, move
from resonance.engines.sql.store import SqlStore
from resonance.engines.sql.tables import Table, Values
from resonance.engines.sqlite.store import SqliteStore
from resonance.ports.store import NewDevice
from tests.contract.store.conftest import clear, store_on
from tests.contract.store.making import change, group, head, kick, people, refused, say, seqs, state
from tests.contract.store.suite_append import item
from tests.engines import SERVED

WAYS = [
    pytest.param(ways, id="-".join(ways), marks=[getattr(pytest.mark, name) for name in ways if name in SERVED])
    for ways in (
        ("sqlite", "sqlite"),
        ("sqlite", "postgres"),
        ("postgres", "sqlite"),
        ("sqlite", "mariadb"),
        ("mariadb", "sqlite"),
        ("mariadb", "postgres"),
        ("postgres", "mariadb"),
    )
]


def quiet(_what: str, _done: int, _total: int) -> None:
    """Show no progress."""


@asynccontextmanager
async def started(store: SqlStore) -> AsyncIterator[SqlStore]:
    await store.start()
    try:
        yield store
    finally:
        store.close()
        await store.join()


@pytest.fixture(params=WAYS)
async def way(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[SqlStore, SqlStore]:
    """Two empty stores, not started."""
    stores: list[SqlStore] = []
    for number, name in enumerate(request.param):
        if name == "sqlite":
            stores.append(SqliteStore(tmp_path / f"{number}.db", StoreConfig()))
        else:
            server = request.getfixturevalue(name)
            await clear(server)
            stores.append(store_on(server))
    source, target = stores
    return source, target


@pytest.fixture
def in_small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many pages of few rows."""
    monkeypatch.setattr(moving, "PAGE", 3)


NAMES = ["anna", "Anna", "bert", "carl", "jos\u00e9", "jose\u0301", "李雷"]


async def live(store: SqlStore) -> str:
    """Do something of everything; return the group in which most happened."""
    await people(store, *NAMES)
    await store.ensure_open(OPEN_CONVERSATION, "everybody")
    chat = await group(store, "anna", *NAMES[1:])
    for number in range(10):
        await say(store, chat.id, NAMES[number % 7], f"{number}: 🐼 \\ ' \" % :name ?")
    chat = await change(store, await state(store, chat.id), kick("bert"))
    for name in NAMES[1:]:
        single = await store.open_single("anna", name)
        await say(store, single.id, name)
        await store.mark_read("anna", single.id, 1)
        await store.request_friend(name, "anna", "hello", name == "carl")
        await store.read_inbox(name, 0, 100)
    await store.open_device(NewDevice("d", "anna", 1, "phone", "r", 2**50, newest_wins=False, max_devices=5))
    await store.create_invitation("anna", 3, 2**50)
    await store.lease_worker("logic-0", 1)
    await store.lease("task", "task-0", 1)
    await store.commit_position("pushes", 4)
    page = await store.outbox(0, 5, 0)
    await store.park("pushes", page.events[4], "why not", 2)
    return chat.id


async def everything(store: SqlStore) -> dict[str, list[Values]]:
    """Return all rows of all tables."""
    return {name: await store.table_rows(table, (), 100_000) for name, table in TABLES.items()}


@pytest.mark.usefixtures("in_small_pages")
async def test_everything_arrives_and_goes_on(way: tuple[SqlStore, SqlStore]) -> None:
    async with started(way[0]) as source, started(way[1]) as target:
        chat = await live(source)
        before = await everything(source)
        filled = {name for name, rows in before.items() if rows}
        assert filled == set(TABLES) - {"join_requests"}
        assert await move(source, target, quiet) == sum(map(len, before.values()))
        assert await everything(target) == before
        assert (await target.info()).epoch == (await source.info()).epoch
        assert await seqs(target, "李雷", chat) == await seqs(source, "李雷", chat)
        token = (await source.sync("anna", "", 1_000)).token
        assert not (await target.sync("anna", token, 1_000)).full
        last, position = len(await target.entries(chat, 1, 1_000)), await head(target)
        assert (await say(target, chat, "anna")).seq == last + 1
        assert await head(target) == position + 1


async def test_a_message_that_is_sent_again_afterwards_is_known(way: tuple[SqlStore, SqlStore]) -> None:
    async with started(way[0]) as source, started(way[1]) as target:
        await people(source, "anna", "bert")
        sent = item(await source.open_single("anna", "bert"), "anna", "k")
        await source.append([sent])
        await move(source, target, quiet)
        [result] = (await target.append([sent])).results
        assert result.status == AppendStatus.DUPLICATE


@pytest.mark.usefixtures("in_small_pages")
async def test_a_move_that_was_cut_off_goes_on(way: tuple[SqlStore, SqlStore], monkeypatch: pytest.MonkeyPatch) -> None:
    async with started(way[0]) as source, started(way[1]) as target:
        await live(source)
        before = await everything(source)
        written: list[int] = []
        add = target.add_rows

        async def add_until_the_power_goes(table: Table, rows: list[Values]) -> None:
            if len(written) in (5, 20):
                written.append(0)
                raise ConnectionError("the power is gone")
            await add(table, rows)
            written.append(len(rows))

        monkeypatch.setattr(target, "add_rows", add_until_the_power_goes)
        for _ in range(2):
            with pytest.raises(ConnectionError):
                await move(source, target, quiet)
            with refused(Code.STORAGE_UNAVAILABLE, "migrate-store"):
                await target.info()
        steps: list[tuple[str, int, int]] = []
        await move(source, target, lambda *step: steps.append(step))
        assert await everything(target) == before
        total = sum(map(len, before.values()))
        assert sum(written) == total, "nothing was written twice"
        assert steps[-1] == ("Comparing", total, total)
        assert 0 < steps[0][1] < total
        await target.info()


async def test_a_target_with_rows_is_left_alone(way: tuple[SqlStore, SqlStore]) -> None:
    async with started(way[0]) as source, started(way[1]) as target:
        await people(source, "anna")
        await people(target, "zoe")
        with refused(Code.INVALID_ARGUMENT, "not empty: it has rows in users"):
            await move(source, target, quiet)
        assert [user.id for user in await target.list_users("", 10)] == ["zoe"]
        await target.info()


async def test_a_source_that_changed_meanwhile_is_told(way: tuple[SqlStore, SqlStore]) -> None:
    async with started(way[0]) as source, started(way[1]) as target:
        await people(source, "anna", "bert", "carl")
        chats = [(await source.open_single("anna", peer)).id for peer in ("bert", "carl")]
        await say(source, chats[0], "anna")
        epoch = (await source.info()).epoch

        def stop(what: str, _done: int, _total: int) -> None:
            if what == "Comparing":
                raise ConnectionError

        with pytest.raises(ConnectionError):
            await move(source, target, stop)
        await source.mark_read("bert", chats[0], 1)
        with pytest.raises(ServiceError) as caught:
            await move(source, target, quiet)
        assert caught.value.code is Code.INTERNAL
        assert f"members of {chats[0]}" in caught.value.message
        assert chats[1] not in caught.value.message
        await target.begin_move(epoch, tuple(TABLES.values()))
        with refused(Code.INVALID_ARGUMENT, "half a move from another store"):
            await target.begin_move("another", tuple(TABLES.values()))
