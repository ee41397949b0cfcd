"""Backups are whole and of one moment; restores make a new store and lose nothing that was there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from resonance.domain.errors import ServiceError
from resonance.engines.sql import migrations
from resonance.engines.sqlite.backup import backup
from resonance.engines.sqlite.connection import connect_writer
from resonance.engines.sqlite.lock import FileLock
from resonance.engines.sqlite.migrate import migrate
from tests.unit.cli.conftest import Run


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store in the data folder, with one mark in it."""
    path = tmp_path / "data" / "resonance.db"
    migrate(path)
    put(path, "mark", "old")
    return path


def put(path: Path, name: str, value: str) -> None:
    with closing(connect_writer(path, "full")) as connection:
        connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))


def get(path: Path, name: str) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()[0])


@contextmanager
def running(path: Path) -> Iterator[None]:
    """Hold what a running server holds."""
    lock = FileLock(path)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


# ---------------------------------------------------------------- migrate


def test_migrate_says_from_where_to_where(run: Run, tmp_path: Path) -> None:
    first, second = run("migrate"), run("migrate")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert f"data/resonance.db: empty -> {migrations.HEAD}" in first.stdout
    assert f"is at {migrations.HEAD}, nothing to do" in second.stdout


def test_migrate_leaves_a_running_servers_store_alone(run: Run, store: Path) -> None:
    with running(store):
        result = run("migrate")
    assert result.exit_code == 1
    assert "in use by process" in result.stderr


# ---------------------------------------------------------------- backup


def test_a_backup_is_one_private_file_that_needs_no_other(run: Run, store: Path, tmp_path: Path) -> None:
    with running(store):
        result = run("backup", "copy.db")
    assert result.exit_code == 0, result.stderr
    copy = tmp_path / "copy.db"
    assert get(copy, "mark") == "old"
    assert get(copy, "epoch") == get(store, "epoch")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("copy")] == ["copy.db"]
    assert "signing secret is not in it" in result.stdout


def test_writers_during_a_backup_neither_wait_nor_get_in(store: Path, tmp_path: Path) -> None:
    with closing(connect_writer(store, "full")) as writer:
        writer.execute("CREATE TABLE ballast (id INTEGER PRIMARY KEY, data BLOB)")
        writer.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
            "INSERT INTO ballast (data) SELECT randomblob(4096) FROM n"
        )
        steps: list[int] = []

        def write_more(done: int, total: int) -> None:
            steps.append(done)
            writer.execute("INSERT INTO ballast (data) VALUES (randomblob(4096))")

        backup(store, tmp_path / "copy.db", write_more)
        rows = writer.execute("SELECT count(*) FROM ballast").fetchone()[0]

    assert len(steps) > 2
    assert steps == sorted(steps)
    assert rows == 5000 + len(steps)
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT count(*) FROM ballast").fetchone()[0] == 5000
        assert copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


@pytest.mark.parametrize("target", ["data/resonance.db", "data", "exists.db"])
def test_a_backup_overwrites_nothing_unasked(run: Run, store: Path, tmp_path: Path, target: str) -> None:
    (tmp_path / "exists.db").write_text("precious")
    before = store.read_bytes()
    assert run("backup", target).exit_code == 1
    assert (tmp_path / "exists.db").read_text() == "precious"
    assert store.read_bytes() == before


def test_a_backup_replaces_when_asked_and_never_the_store(run: Run, store: Path, tmp_path: Path) -> None:
    (tmp_path / "exists.db").write_text("old backup")
    assert run("backup", "exists.db", "--force").exit_code == 0
    assert get(tmp_path / "exists.db", "mark") == "old"
    assert run("backup", "data/resonance.db", "--force").exit_code == 1


def test_there_is_nothing_to_back_up(run: Run, tmp_path: Path) -> None:
    result = run("backup", "copy.db")
    assert result.exit_code == 1
    assert "there is no database at data/resonance.db: --data-dir" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_backup_into_no_folder_and_a_restore_of_no_file_say_so(run: Run, store: Path) -> None:
    backed_up = run("backup", "nowhere/copy.db")
    restored = run("restore", "copy.db", "--force")
    assert (backed_up.exit_code, restored.exit_code) == (1, 1)
    assert "there is no folder nowhere" in backed_up.stderr
    assert "there is no file copy.db" in restored.stderr


def test_a_failed_copy_leaves_nothing_behind(store: Path, tmp_path: Path) -> None:
    def fail(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup(store, tmp_path / "copy.db", fail)
    (tmp_path / "noise").write_bytes(b"no database" * 1000)
    with pytest.raises(ServiceError, match="is no store of Resonance"):
        backup(tmp_path / "noise", tmp_path / "copy.db", lambda done, total: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "noise"]


# ---------------------------------------------------------------- restore


def test_a_restore_brings_the_old_state_back_as_a_new_store(run: Run, store: Path, tmp_path: Path) -> None:
    epoch = get(store, "epoch")
    assert run("backup", "copy.db").exit_code == 0
    put(store, "mark", "new")

    result = run("restore", "copy.db", "--force")

    assert result.exit_code == 0, result.stderr
    assert get(store, "mark") == "old"
    assert get(store, "epoch") != epoch
    assert get(tmp_path / "copy.db", "epoch") == epoch
    assert "fetch everything anew" in result.stdout
    [kept] = [path for path in store.parent.iterdir() if path.name.startswith("resonance.db.2")]
    assert get(kept, "mark") == "new"
    assert str(kept.relative_to(tmp_path)) in result.stdout


def test_a_write_ahead_log_stays_with_the_store_that_it_is_of(run: Run, store: Path, tmp_path: Path) -> None:
    """As after a crash: the log holds what the file does not yet."""
    assert run("backup", "copy.db").exit_code == 0
    writer = connect_writer(store, "full")
    writer.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('mark', 'only in the log')")
    crashed = {path.name: path.read_bytes() for path in store.parent.iterdir() if path.suffix != ".lock"}
    writer.close()
    for name, content in crashed.items():
        (store.parent / name).write_bytes(content)

    assert run("restore", "copy.db", "--force").exit_code == 0

    assert get(store, "mark") == "old"
    [kept] = [
        path for path in store.parent.iterdir() if path.name.startswith("resonance.db.2") and "-" not in path.name
    ]
    assert get(kept, "mark") == "only in the log"


def test_a_restore_into_an_empty_folder_needs_no_force(run: Run, store: Path, tmp_path: Path) -> None:
    assert run("backup", "copy.db").exit_code == 0
    assert run("restore", "copy.db", "--data-dir", "elsewhere").exit_code == 0
    assert get(tmp_path / "elsewhere" / "resonance.db", "mark") == "old"


def test_a_restore_replaces_nothing_unasked_and_no_running_servers_store(run: Run, store: Path, tmp_path: Path) -> None:
    assert run("backup", "copy.db").exit_code == 0
    put(store, "mark", "new")
    unasked = run("restore", "copy.db")
    with running(store):
        live = run("restore", "copy.db", "--force")
    assert (unasked.exit_code, live.exit_code) == (1, 1)
    assert "--force" in unasked.stderr
    assert "in use by process" in live.stderr
    assert get(store, "mark") == "new"


@pytest.mark.parametrize("content", [b"", b"no database" * 1000])
def test_what_is_no_backup_is_not_restored(run: Run, store: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "noise").write_bytes(content)
    result = run("restore", "noise", "--force")
    assert result.exit_code == 1
    assert "noise is no store of Resonance" in result.stderr
    assert get(store, "mark") == "old"


# ---------------------------------------------------------------- migrate-store


def test_a_store_is_moved_once(run: Run, store: Path, tmp_path: Path) -> None:
    put(store, "epoch", "a store")
    with closing(connect_writer(store, "full")) as connection:
        connection.execute("INSERT INTO invitations VALUES ('code', 'anna', 1, 1)")
    moved = run("migrate-store", "--from", f"sqlite:{store}", "--to", "sqlite:new.db")
    assert (moved.exit_code, moved.stderr) == (0, "")
    assert "moved and compared 1 rows" in moved.stdout
    assert get(tmp_path / "new.db", "epoch") == "a store"
    again = run("migrate-store", "--from", f"sqlite:{store}", "--to", "sqlite:///" + str(tmp_path / "new.db"))
    assert again.exit_code == 1
    assert again.stderr == "the target is not empty: it has rows in invitations\n"


def test_a_store_in_use_is_not_moved(run: Run, store: Path) -> None:
    with running(store):
        moved = run("migrate-store", "--from", f"sqlite:{store}", "--to", "sqlite:new.db")
    assert moved.exit_code == 1
    assert "resonance.db" in moved.stderr


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("sqlite:nowhere.db", "sqlite:new.db", "there is no database at"),
        (
            "oracle://a:secret@host/db",
            "sqlite:new.db",
            "begins with one of mariadb, mysql, postgres, postgresql, sqlite, ",
        ),
        ("mysql://host", "sqlite:new.db", "store.url does not look like mysql://"),
    ],
)
def test_a_wrong_address_of_a_store_is_told(run: Run, source: str, target: str, message: str) -> None:
    moved = run("migrate-store", "--from", source, "--to", target)
    assert moved.exit_code == 1
    assert message in moved.stderr
    assert "secret" not in moved.stderr


@pytest.mark.parametrize(("kind", "tool"), [("postgres", "pg_dump"), ("mysql", "mariadb-dump")])
def test_backups_of_servers_are_theirs(run: Run, monkeypatch: pytest.MonkeyPatch, kind: str, tool: str) -> None:
    monkeypatch.setenv("RESONANCE_STORE__KIND", kind)
    refused = run("backup", "copy.db")
    assert refused.exit_code == 1
    assert tool in refused.stderr
