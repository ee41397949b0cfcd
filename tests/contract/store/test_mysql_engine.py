"""What is MySQL's own: its addresses, its settings, its migrations, its locks, and positions after a crash."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from asyncmy import Connection
from pydantic import SecretStr
from structlog.testing import capture_logs

from resonance.config.engines import StoreConfig
from resonance.domain.errors import Code, ServiceError
from resonance.engines.mysql import address
from resonance.engines.mysql import migrate as migrating
from resonance.engines.mysql.address import open_connection, parameters, server_of
from resonance.engines.mysql.migrate import current_version, migrate
from resonance.engines.mysql.pool import Connections
from resonance.engines.mysql.store import MySqlStore
from resonance.engines.mysql.tx import JUMP, MySqlTx, joined
from resonance.engines.sql import migrations
from resonance.engines.sql.transactions import Isolation, Meaning
from resonance.engines.sql.tx import Tx
from tests.contract.store.conftest import emptied, running
from tests.contract.store.making import head, people, refused, say
from tests.contract.store.suite_append import item
from tests.engines.mariadb import MariaDbServer, mariadb_server


def config(server: MariaDbServer, database: str = "resonance", timeout: float = 5) -> StoreConfig:
    return StoreConfig(kind="mysql", url=SecretStr(server.url(database)), connections=4, timeout=timeout)


@asynccontextmanager
async def beside(server: MariaDbServer, database: str = "resonance") -> AsyncIterator[Connection]:
    """Open a connection of the test's own."""
    connection = await open_connection(config(server, database))
    try:
        yield connection
    finally:
        connection.close()


async def execute(connection: Connection, *statements: str) -> None:
    async with connection.cursor() as cursor:
        for statement in statements:
            await cursor.execute(statement)


# ---------------------------------------------------------------- positions and locks


@pytest.mark.mariadb
async def test_positions_that_a_crash_may_have_taken_back_are_never_given_again() -> None:
    with mariadb_server() as server:
        async with running(server) as store:
            await people(store, "anna", "bert")
            chat = await store.open_single("anna", "bert")
            before = await head(store)
            assert before == 1
        async with running(server) as store:
            await say(store, chat.id, "anna")
            assert await head(store) == before + 1, "a new connection alone leaves nothing out"
            await another_second_than_its_start(server)
            await asyncio.to_thread(server.crash)
            await asyncio.to_thread(server.start)
        async with running(server) as store:
            await say(store, chat.id, "anna")
            await say(store, chat.id, "anna")
            assert await head(store) == before + 1 + JUMP + 2
            page = await store.outbox(0, 100, 0)
            assert [event.position for event in page.events] == [1, 2, JUMP + 3, JUMP + 4]


async def another_second_than_its_start(server: MariaDbServer) -> None:
    """Wait until a restart would be seen: servers tell when they started in seconds."""
    async with beside(server) as connection:
        tx = MySqlTx(connection, 5)
        boot = f"SELECT UNIX_TIMESTAMP() > ({server_of(connection).boot}) AS later"
        while not (await tx.fetch(boot))[0]["later"]:
            await tx.fetch("SELECT SLEEP(0.1)")


@pytest.fixture
async def connections(mariadb: MariaDbServer) -> AsyncIterator[Connections]:
    """A pool on an empty database with two conversations, `x` and `y`, that waits one second for a row."""
    async with emptied(mariadb) as store:
        await store.ensure_open("x", "x")
        await store.ensure_open("y", "y")
    pool = Connections(config(mariadb, timeout=2), lambda _: None)
    async with beside(mariadb) as connection:
        await pool.start(server_of(connection))
    yield pool
    pool.close()
    await pool.join()


_LOCK = "SELECT id FROM conversations WHERE id = :id FOR UPDATE"


@pytest.mark.mariadb
async def test_one_of_two_who_wait_for_each_other_tries_again(connections: Connections) -> None:
    met = asyncio.Barrier(2)
    tries = {"xy": 0, "yx": 0}

    async def lock_both(order: str) -> None:
        async def work(tx: Tx) -> None:
            tries[order] += 1
            await tx.one(_LOCK, id=order[0])
            if tries[order] == 1:
                await met.wait()
            await tx.one(_LOCK, id=order[1])
            await tx.run("UPDATE conversations SET ordinal = ordinal + 1 WHERE id = 'x'")

        await connections.transact(Isolation.LOCKED, work)

    await asyncio.gather(lock_both("xy"), lock_both("yx"))
    assert sorted(tries.values()) == [1, 2]


@pytest.mark.mariadb
async def test_who_waited_too_long_for_a_row_tries_again(
    connections: Connections, mariadb: MariaDbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed_out = asyncio.Event()
    meaning = connections.meaning

    def noticed(error: Exception) -> Meaning:
        if connections.reason(error) == "error_1205":
            timed_out.set()
        return meaning(error)

    monkeypatch.setattr(connections, "meaning", noticed)
    async with beside(mariadb) as other:
        await execute(other, "BEGIN", "SELECT id FROM conversations WHERE id = 'x' FOR UPDATE")
        waiting = asyncio.create_task(connections.transact(Isolation.LOCKED, lambda tx: tx.one(_LOCK, id="x")))
        async with asyncio.timeout(20):
            await timed_out.wait()
        assert not waiting.done()
        await execute(other, "ROLLBACK")
        async with asyncio.timeout(20):
            row = await waiting
    assert row is not None
    assert row["id"] == "x"


@pytest.mark.mariadb
async def test_a_batch_waits_for_no_other_conversation(connections: Connections, mariadb: MariaDbServer) -> None:
    """In a small table a search would be quicker than the index, and wait for every row."""
    async with running(mariadb) as store, beside(mariadb) as other:
        await people(store, "anna", "bert")
        chat = await store.open_single("anna", "bert")
        await execute(
            other,
            "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
            "BEGIN",
            "SELECT id FROM conversations WHERE id = 'x' FOR UPDATE",
        )
        async with asyncio.timeout(4):
            await store.append([item(chat, "anna", "k")])


@pytest.mark.mariadb
async def test_an_update_counts_the_rows_that_it_finds(connections: Connections) -> None:
    update = "UPDATE conversations SET name = 'x' WHERE id = 'x'"
    assert await connections.transact(Isolation.LOCKED, lambda tx: tx.run(update)) == 1


@pytest.mark.mariadb
async def test_who_stays_silent_in_a_transaction_loses_its_rows(
    connections: Connections, mariadb: MariaDbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was stopped would keep everybody from its conversations."""
    monkeypatch.setattr(address, "MAX_TRANSACTION_MS", 1000)
    async with beside(mariadb) as other:
        await execute(other, address.session(server_of(other), config(mariadb)))
        await execute(other, "BEGIN", "SELECT id FROM conversations WHERE id = 'x' FOR UPDATE")
        async with asyncio.timeout(20):
            assert await connections.transact(Isolation.LOCKED, lambda tx: tx.one(_LOCK, id="x")) is not None


@pytest.mark.mariadb
async def test_a_connection_that_the_server_closed_is_not_used_again(
    connections: Connections, mariadb: MariaDbServer
) -> None:
    async def own_id(tx: Tx) -> int:
        [row] = await tx.all("SELECT connection_id() AS id")
        return int(row["id"])

    first = await connections.transact(Isolation.SNAPSHOT, own_id)
    assert await connections.transact(Isolation.SNAPSHOT, own_id) == first
    async with beside(mariadb) as other:
        await execute(other, f"KILL {first}")
        tx = MySqlTx(other, 5)
        while await tx.all("SELECT id FROM information_schema.processlist WHERE id = :id", id=first):
            pass
    assert await connections.transact(Isolation.SNAPSHOT, own_id) != first


@pytest.mark.mariadb
async def test_an_answer_that_does_not_come_is_not_waited_for(connections: Connections) -> None:
    with refused(Code.STORAGE_UNAVAILABLE, "MariaDB cannot work now"):
        await connections.transact(Isolation.SNAPSHOT, lambda tx: tx.one("SELECT SLEEP(60)"))
    assert await connections.transact(Isolation.LOCKED, lambda tx: tx.one(_LOCK, id="x")) is not None


# ---------------------------------------------------------------- settings


@pytest.fixture
async def setting(mariadb: MariaDbServer) -> AsyncIterator[Connection]:
    """A connection to change the server's settings by, which are put back."""
    async with beside(mariadb) as connection:
        yield connection
        await execute(
            connection,
            "SET GLOBAL innodb_flush_log_at_trx_commit = DEFAULT",
            "SET GLOBAL max_allowed_packet = DEFAULT",
            "SET GLOBAL read_only = OFF",
        )


@pytest.mark.mariadb
async def test_settings_that_lose_what_was_acked_are_warned_of(setting: Connection, mariadb: MariaDbServer) -> None:
    with capture_logs() as quiet:
        async with running(mariadb):
            pass
    assert not [entry for entry in quiet if entry["log_level"] == "warning"]
    await execute(setting, "SET GLOBAL innodb_flush_log_at_trx_commit = 2")
    with capture_logs() as logs:
        async with running(mariadb):
            pass
    [warning] = [entry for entry in logs if entry["log_level"] == "warning"]
    assert warning["event"] == "a power cut can lose acked messages"
    assert warning["setting"] == "MariaDB's innodb_flush_log_at_trx_commit is 2, not 1"


@pytest.mark.mariadb
async def test_a_binary_log_that_is_not_synced_is_warned_of() -> None:
    with mariadb_server("log-bin", "sync-binlog=0", "skip-innodb-doublewrite") as server, capture_logs() as logs:
        async with running(server):
            pass
    assert [entry["setting"] for entry in logs if entry["log_level"] == "warning"] == [
        "MariaDB's sync_binlog is 0, not 1",
        "MariaDB's innodb_doublewrite is 0, not 1",
    ]


@pytest.mark.mariadb
async def test_packets_that_are_too_small_are_refused(setting: Connection, mariadb: MariaDbServer) -> None:
    await execute(setting, "SET GLOBAL max_allowed_packet = 1048576")
    with refused(Code.STORAGE_UNAVAILABLE, "max_allowed_packet is 1048576; at least 8000000"):
        await MySqlStore(config(mariadb)).start()


@pytest.mark.mariadb
async def test_a_database_that_is_missing_is_told(mariadb: MariaDbServer) -> None:
    with refused(Code.STORAGE_UNAVAILABLE, "cannot work now: Unknown database 'nowhere' (1049)"):
        await MySqlStore(config(mariadb, "nowhere")).start()


@pytest.mark.mariadb
async def test_what_goes_over_the_network_may_be_encrypted() -> None:
    with mariadb_server() as server:
        certificate = await asyncio.to_thread(server.encrypt)
        plain = server.url()
        by_name = plain.replace("127.0.0.1", "localhost")
        for url in (f"{plain}?ssl-mode=required", f"{by_name}?ssl-ca={certificate}"):
            store = MySqlStore(StoreConfig(kind="mysql", url=SecretStr(url)))
            await store.start()
            store.close()
            await store.join()
        for url, why in (
            (plain, "Access denied"),
            (f"{plain}?ssl-ca={certificate}", "certificate"),
            (f"{by_name}?ssl-mode=verify_identity", "certificate"),
        ):
            with refused(Code.STORAGE_UNAVAILABLE, why):
                await MySqlStore(StoreConfig(kind="mysql", url=SecretStr(url))).start()


# ---------------------------------------------------------------- migrations


@pytest.fixture
async def database(mariadb: MariaDbServer) -> AsyncIterator[Connection]:
    """A connection to a database of its own, without tables."""
    async with beside(mariadb) as maker:
        await execute(maker, "CREATE DATABASE migrating")
        async with beside(mariadb, "migrating") as connection:
            yield connection
        await execute(maker, "DROP DATABASE migrating")


@pytest.mark.mariadb
async def test_migrations_begin_and_end_once(database: Connection) -> None:
    server = server_of(database)
    assert await migrate(database, server) is True
    assert await migrate(database, server) is False
    tx = MySqlTx(database, 5)
    assert await current_version(tx) == migrations.HEAD
    facts = {row["name"]: row["value"] for row in await tx.all("SELECT name, value FROM meta")}
    assert facts["outbox"] == "0"
    assert len(facts["epoch"]) == 16
    columns = await tx.all(
        "SELECT DISTINCT collation_name FROM information_schema.columns "
        "WHERE table_schema = database() AND table_name <> 'alembic_version' AND collation_name IS NOT NULL"
    )
    assert [row["collation_name"] for row in columns] == ["utf8mb4_nopad_bin"]


@pytest.mark.mariadb
@pytest.mark.parametrize("statements", range(1, 60, 7))
async def test_a_migration_that_was_cut_off_is_ended(
    database: Connection, statements: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = statements
    run = migrating._run

    async def cut_off(tx: MySqlTx, statement: str, again: bool) -> None:
        nonlocal left
        if not left:
            raise ConnectionError("the power is gone")
        left -= 1
        await run(tx, statement, again)

    server = server_of(database)
    with monkeypatch.context() as power:
        power.setattr(migrating, "_run", cut_off)
        try:
            await migrate(database, server)
        except ConnectionError:
            assert await current_version(MySqlTx(database, 5)) != migrations.HEAD
        else:
            assert left > 0
    await migrate(database, server)
    tx = MySqlTx(database, 5)
    assert await current_version(tx) == migrations.HEAD
    indexes = await tx.all(
        "SELECT DISTINCT index_name FROM information_schema.statistics WHERE table_schema = database()"
    )
    assert {"entries_by_key", "entries_by_id", "inbox_by_entry", "members_by_user", "friends_by_change"} <= {
        row["index_name"] for row in indexes
    }


@pytest.mark.mariadb
async def test_a_database_of_somebody_else_is_left_alone(database: Connection) -> None:
    await execute(database, "CREATE TABLE users (id INT)")
    with pytest.raises(Exception, match="already exists"):
        await migrate(database, server_of(database))


@pytest.mark.mariadb
async def test_a_database_of_a_newer_server_is_refused(database: Connection) -> None:
    await migrate(database, server_of(database))
    await execute(database, "UPDATE alembic_version SET version_num = '9999'")
    with refused(Code.STORAGE_UNAVAILABLE, "schema 9999"):
        await migrate(database, server_of(database))


# ---------------------------------------------------------------- addresses and texts


@pytest.mark.parametrize(
    ("url", "detail"),
    [
        (None, "store.url is not set: mysql://"),
        ("postgresql://a:secret@host/db", "does not look like"),
        ("mysql://host/db", "does not look like"),
        ("mysql://a:secret@host", "does not look like"),
        ("mysql://a:secret@host:99999/db", "port"),
        ("mysql://a:secret@host/db?charset=latin1", "the option 'charset'; socket, ssl-ca, ssl-mode are known"),
        ("mysql://a:secret@host/db?ssl-mode=maybe", "'maybe'; disabled, required, verify_identity are allowed"),
        ("mysql://a:secret@host/db?ssl-ca=/nowhere/ca.pem", "cannot be read"),
    ],
)
def test_a_wrong_address_is_refused_without_its_password(url: str | None, detail: str) -> None:
    with pytest.raises(ServiceError, match=re.escape(detail)) as caught:
        MySqlStore(StoreConfig(kind="mysql", url=None if url is None else SecretStr(url)))
    assert (caught.value.code, caught.value.field) == (Code.INVALID_ARGUMENT, "store.url")
    assert "secret" not in str(caught.value)


def test_an_address_says_everything() -> None:
    url = "mariadb://us%40er:p%3Aw@db.example:3307/im?ssl-mode=required&socket=/run/my.sock"
    given = parameters(StoreConfig(kind="mysql", url=SecretStr(url)))
    assert {name: given[name] for name in ("host", "port", "user", "password", "database", "unix_socket")} == {
        "host": "db.example",
        "port": 3307,
        "user": "us@er",
        "password": "p:w",
        "database": "im",
        "unix_socket": "/run/my.sock",
    }
    assert given["ssl"].check_hostname is False


def test_texts_are_joined_to_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resonance.engines.mysql.tx.PACKET", 10)
    assert joined(["aaaa", "bbbb", "cccc", "d" * 20, "e"], ", ") == ["aaaa, bbbb", "cccc", "d" * 20, "e"]
    assert joined([], ", ") == []
