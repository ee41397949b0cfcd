"""What is SQLite's own: group commit, lanes, the file's lock, migrations, checkpoints, backups."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

from resonance.config.engines import StoreConfig
from resonance.domain import events
from resonance.domain.errors import Code, ServiceError
from resonance.engines.sql import migrations
from resonance.engines.sql.append import Head, appended_payload
from resonance.engines.sql.schema import metadata
from resonance.engines.sqlite import checkpoint
from resonance.engines.sqlite import writer as writing
from resonance.engines.sqlite.backup import backup, restore
from resonance.engines.sqlite.connection import Clock, SqliteTx
from resonance.engines.sqlite.migrate import current_version, migrate
from resonance.engines.sqlite.store import SqliteStore
from resonance.engines.sqlite.writer import Again, Lane, Writer
from tests.contract.store.making import change, group, kick, people, refused, say
from tests.contract.store.suite_append import item

Work = Callable[[SqliteTx], str]


def quiet(done: int, total: int) -> None:
    """Take note of no progress."""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "resonance.db"
    migrate(path)
    return path


async def opened(path: Path, **settings: object) -> SqliteStore:
    """Return a started store."""
    store = SqliteStore(path, StoreConfig.model_validate(settings))
    await store.start()
    return store


async def shut(store: SqliteStore) -> None:
    store.close()
    await store.join()


class Bench:
    """A writer whose next transaction is held up until it is told to go, so that commands queue behind it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.commits = 0
        self.ran: list[str] = []
        self._go = threading.Event()
        self.writer = Writer(path, "full", Clock(), self._committed, lambda head: None)

    def _committed(self) -> None:
        self.commits += 1

    async def hold(self) -> None:
        """Start the writer and wait until it is busy."""
        busy = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wait(tx: SqliteTx) -> None:
            loop.call_soon_threadsafe(busy.set)
            self._go.wait()

        self.writer.start()
        self._held = self.writer.submit(wait, Lane.HOT)
        await busy.wait()

    def go(self) -> None:
        self._go.set()

    def put(self, name: str, error: Exception | None = None, lane: Lane = Lane.HOT) -> asyncio.Future[str]:
        """Queue a command that writes a name, and then fails if it shall."""

        def work(tx: SqliteTx) -> str:
            self.ran.append(name)
            tx.connection.execute("INSERT INTO consumers (name, position) VALUES (?, 1)", (name,))
            if error is not None:
                raise error
            return name

        return self.writer.submit(work, lane)

    def names(self) -> list[str]:
        """Return what is committed."""
        with closing(sqlite3.connect(self.path)) as connection:
            return [name for (name,) in connection.execute("SELECT name FROM consumers ORDER BY name")]


@pytest.fixture
async def bench(database: Path) -> AsyncIterator[Bench]:
    bench = Bench(database)
    await bench.hold()
    yield bench
    bench.go()
    bench.writer.close()
    await bench.writer.join()


class TestWriter:
    async def test_what_queued_meanwhile_shares_a_commit(self, bench: Bench) -> None:
        waiting = [bench.put(f"n{n}") for n in range(50)]
        bench.go()
        assert await asyncio.gather(*waiting) == [f"n{n}" for n in range(50)]
        assert bench.commits <= 2
        assert len(bench.names()) == 50

    @pytest.mark.parametrize("position", [0, 1, 2])
    async def test_a_refused_command_undoes_only_itself(self, bench: Bench, position: int) -> None:
        errors: list[Exception | None] = [None, None, None]
        errors[position] = ServiceError(Code.BLOCKED)
        waiting = [bench.put(f"n{n}", error) for n, error in enumerate(errors)]
        bench.go()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert results[position] is errors[position]
        assert bench.names() == [f"n{n}" for n in range(3) if n != position]

    async def test_a_refused_first_command_leaves_the_transaction_usable(self, database: Path) -> None:
        """The first command has no savepoint of its own: the transaction begins anew behind it."""
        bench = Bench(database)
        waiting: list[asyncio.Future[str]] = []
        bench.writer._accepting = True
        waiting = [bench.put("first", ServiceError(Code.BLOCKED)), bench.put("second")]
        bench.writer.start()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert results[1] == "second"
        assert bench.names() == ["second"]
        bench.writer.close()
        await bench.writer.join()
        assert bench.commits == 1

    async def test_a_command_may_ask_to_be_replaced(self, bench: Bench) -> None:
        def careful(tx: SqliteTx) -> str:
            return str(tx.connection.execute("SELECT count(*) FROM consumers").fetchone()[0])

        def hasty(tx: SqliteTx) -> str:
            tx.connection.execute("INSERT INTO consumers (name, position) VALUES ('undone', 1)")
            raise Again(careful)

        waiting = bench.writer.submit(hasty, Lane.HOT)
        bench.go()
        assert await waiting == "0"
        assert bench.names() == []

    async def test_hot_commands_come_before_background_work(self, bench: Bench) -> None:
        waiting = [bench.put("background", lane=Lane.BACKGROUND), bench.put("hot")]
        bench.go()
        await asyncio.gather(*waiting)
        assert bench.ran == ["hot", "background"]

    async def test_background_work_that_waited_long_joins_a_hot_commit(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(writing, "PATIENCE_S", -1.0)
        waiting = [bench.put("background", lane=Lane.BACKGROUND), *(bench.put(f"hot{n}") for n in range(3))]
        bench.go()
        await asyncio.gather(*waiting)
        assert bench.ran[-1] != "background"

    async def test_a_full_queue_refuses(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(writing.QUEUE_LIMIT, Lane.HOT, 2)
        waiting = [bench.put("a"), bench.put("b")]
        with refused(Code.BUSY):
            bench.put("c")
        bench.go()
        await asyncio.gather(*waiting)
        assert bench.names() == ["a", "b"]

    async def test_a_caller_that_went_away_changes_nothing(self, bench: Bench) -> None:
        gone, waiting = bench.put("gone"), bench.put("stays")
        gone.cancel()
        bench.go()
        await waiting
        assert bench.names() == ["gone", "stays"]

    async def test_closing_drains_and_terminating_refuses(self, bench: Bench) -> None:
        kept = bench.put("kept")
        bench.writer.close()
        with refused(Code.UNAVAILABLE):
            bench.put("late")
        bench.go()
        await bench.writer.join()
        assert await kept == "kept"

    async def test_terminating_refuses_what_waits(self, bench: Bench) -> None:
        dropped = bench.put("dropped")
        bench.writer.terminate()
        bench.go()
        await bench.writer.join()
        with refused(Code.UNAVAILABLE):
            await dropped
        assert bench.names() == []


class TestFile:
    async def test_a_second_server_is_told_who_has_the_file(self, database: Path) -> None:
        store = await opened(database)
        script = (
            "import asyncio, sys; from pathlib import Path\n"
            "from resonance.config.engines import StoreConfig\n"
            "from resonance.engines.sqlite.store import SqliteStore\n"
            "asyncio.run(SqliteStore(Path(sys.argv[1]), StoreConfig()).start())"
        )
        second = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", script, str(database)], capture_output=True, text=True, check=False
        )
        assert second.returncode != 0
        assert f"in use by process {os.getpid()}" in second.stderr
        await people(store, "anna")
        await shut(store)
        again = await opened(database)
        assert len(await again.users(["anna"])) == 1
        await shut(again)

    async def test_a_file_that_is_no_database_is_refused_and_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "resonance.db"
        path.write_bytes(b"something else " * 1000)
        for _ in range(2):
            with refused(Code.STORAGE_UNAVAILABLE):
                await opened(path)
        assert path.read_bytes() == b"something else " * 1000

    async def test_an_up_to_date_store_starts_without_alembic(self, database: Path) -> None:
        script = (
            "import asyncio, sys; from pathlib import Path\n"
            "from resonance.config.engines import StoreConfig\n"
            "from resonance.engines.sqlite.store import SqliteStore\n"
            "asyncio.run(SqliteStore(Path(sys.argv[1]), StoreConfig()).start())\n"
            "assert 'sqlalchemy' not in sys.modules and 'alembic' not in sys.modules"
        )
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script, str(database)], check=True)

    async def test_commands_are_carried_out_in_the_order_they_came(self, database: Path) -> None:
        """One thread writes: a kick comes behind what was sent before it, and before all that was sent after."""
        store = await opened(database)
        await people(store, "anna", "bert")
        chat = await group(store, "anna", "bert")
        await asyncio.gather(
            *(store.append([item(chat, "bert", f"k{n}")]) for n in range(10)),
            change(store, chat, kick("bert")),
            *(store.append([item(chat, "bert", f"k{n}")]) for n in range(10, 20)),
        )
        log = await store.entries(chat.id, 1, 100)
        assert [entry.client_msg_id for entry in log if entry.sender == "bert"] == [f"k{n}" for n in range(10)]
        assert len(log) == 12
        await shut(store)

    async def test_the_log_is_truncated_beyond_its_limit(self, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checkpoint, "INTERVAL_S", 0.01)
        store = await opened(database)
        overflowing = asyncio.Event()
        store._checkpointer._limit = 100_000
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(store._checkpointer, "_overflowing", lambda: loop.call_soon_threadsafe(overflowing.set))
        await people(store, "anna", "bert")
        chat = await store.open_single("anna", "bert")
        while not overflowing.is_set():
            await say(store, chat.id, "anna", "x" * 5000)
        size = database.with_name("resonance.db-wal").stat().st_size
        async with asyncio.timeout(10):
            # a checkpoint under way keeps the log as it is; the next one asks again, as this loop does
            while database.with_name("resonance.db-wal").stat().st_size >= size:
                store._writer.truncate_soon()
                await say(store, chat.id, "anna")
        await shut(store)

    async def test_the_clock_goes_on_from_the_newest_event(
        self, database: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = await opened(database)
        await people(store, "anna", "bert")
        await store.open_single("anna", "bert")
        before = (await store.outbox(0, 10, 0)).events[-1].created_at
        await shut(store)
        monkeypatch.setattr("resonance.engines.sqlite.connection.wall_ms", lambda: 1)
        store = await opened(database)
        assert (await store.info()).now >= before
        await shut(store)


class TestMigrations:
    def test_the_migrations_lead_to_the_tables(self, database: Path) -> None:
        engine = create_engine(f"sqlite:///{database}")
        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        engine.dispose()

    def test_the_newest_version_is_the_one_that_starts_look_for(self, database: Path) -> None:
        assert ScriptDirectory(str(Path(migrations.__file__).parent)).get_heads() == [migrations.HEAD]
        assert current_version(database) == migrations.HEAD
        assert migrate(database) is False

    def test_a_newer_servers_file_is_refused(self, database: Path) -> None:
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with refused(Code.STORAGE_UNAVAILABLE, "9999"):
            migrate(database)

    def test_a_migration_that_fails_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "resonance.db"

        def fail(connection: sqlite3.Connection) -> None:
            raise OSError("no luck")

        with monkeypatch.context() as patch:
            patch.setattr("resonance.engines.sqlite.migrate.write_epoch", fail)
            with pytest.raises(OSError, match="no luck"):
                migrate(path)
        assert current_version(path) == ""
        assert migrate(path) is True


class TestBackup:
    async def test_a_backup_of_a_busy_store_is_of_one_moment(self, database: Path, tmp_path: Path) -> None:
        store = await opened(database)
        await people(store, "anna", "bert")
        chat = await store.open_single("anna", "bert")
        for _ in range(200):
            await say(store, chat.id, "anna", "x" * 3000)
        loop, copied = asyncio.get_running_loop(), tmp_path / "copy.db"
        steps: list[tuple[int, int]] = []

        def write_meanwhile(done: int, total: int) -> None:
            steps.append((done, total))
            asyncio.run_coroutine_threadsafe(say(store, chat.id, "bert", "y" * 3000), loop).result()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("resonance.engines.sqlite.backup.PAGES", 50)
            await asyncio.to_thread(backup, database, copied, write_meanwhile)
        await shut(store)
        assert len(steps) > 2
        assert steps[-1][0] == steps[-1][1]
        with closing(sqlite3.connect(copied)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("SELECT max(seq), count(*) FROM entries").fetchone() == (200, 200)

    async def test_a_restored_store_is_another_one(self, database: Path, tmp_path: Path) -> None:
        store = await opened(database)
        await people(store, "anna")
        before, token = (await store.info()).epoch, (await store.sync("anna", "", 10)).token
        await asyncio.to_thread(backup, database, tmp_path / "copy.db", quiet)
        await people(store, "late")
        with refused(Code.STORAGE_UNAVAILABLE, "in use"):
            restore(tmp_path / "copy.db", database, quiet, replace=True)
        await shut(store)
        with refused(Code.INVALID_ARGUMENT, "exists"):
            restore(tmp_path / "copy.db", database, quiet)
        restore(tmp_path / "copy.db", database, quiet, replace=True)
        store = await opened(database)
        assert (await store.info()).epoch != before
        assert [user.id for user in await store.users(["anna", "late"])] == ["anna"]
        assert (await store.sync("anna", token, 10)).full
        await shut(store)

    def test_what_is_no_store_is_refused(self, database: Path, tmp_path: Path) -> None:
        other = tmp_path / "other"
        other.write_text("no database")
        for wrong in (tmp_path / "missing", other):
            with refused(Code.INVALID_ARGUMENT):
                backup(wrong, tmp_path / "copy.db", quiet)
            with refused(Code.INVALID_ARGUMENT):
                restore(wrong, tmp_path / "new.db", quiet)
        with refused(Code.INVALID_ARGUMENT, "exists"):
            backup(database, other, quiet)
        assert sorted(path.name for path in tmp_path.iterdir() if "copy" in path.name or "new" in path.name) == []


@given(st.text(), st.tuples(*[st.integers(0, 2**63 - 1)] * 5))
def test_the_quick_payload_is_the_encoded_event(conversation_id: str, numbers: tuple[int, int, int, int, int]) -> None:
    version, seq, first_seq, member_count, worker = numbers
    head = Head(version, seq, 0, member_count, 1)
    head.first_seq, head.worker = first_seq, worker
    event = events.EntriesAppended(conversation_id, first_seq, seq, version, member_count, worker=worker)
    try:
        encoded = events.encode(event)
    except UnicodeEncodeError:
        return
    assert appended_payload(conversation_id, head) == encoded
