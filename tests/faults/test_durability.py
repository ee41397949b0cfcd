"""Ack means durable: fsync before the ack, power cuts, kill -9, a full disk, a locked file."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from resonance.config.engines import StoreConfig
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import UserId
from resonance.domain.model import AppendStatus, NewUser
from resonance.engines.sqlite.store import SqliteStore
from tests.faults.appender import CHAT, WRITERS, batch
from tests.faults.power import STRACE, Disk

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[2]
BATCHES = 15
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace (apt-get install strace)")


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A folder with a store in which anna and bert have a conversation."""
    home = tmp_path / "data"
    await _make(home)
    return home


async def _make(home: Path) -> None:
    store = SqliteStore(home / "resonance.db", StoreConfig())
    await store.start()
    for name in WRITERS:
        await store.create_user(NewUser(UserId(name), name, ""))
    await store.open_single(*WRITERS)
    store.close()
    await store.join()


@pytest.fixture
async def store(folder: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(folder / "resonance.db", StoreConfig())
    await store.start()
    yield store
    store.close()
    await store.join()


def appender(folder: Path, synchronous: str, acks: Path, batches: int) -> list[str]:
    """Return the command line of the appending program."""
    database = str(folder / "resonance.db")
    return [sys.executable, "-m", "tests.faults.appender", database, synchronous, str(acks), str(batches)]


def stored(database: Path) -> dict[str, int]:
    """Return key -> seq of everything in a database that no server uses; the log must be whole."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = connection.execute("SELECT client_msg_id, seq FROM entries ORDER BY seq").fetchall()
        head = connection.execute("SELECT max_seq, ordinal FROM conversations WHERE id = ?", (CHAT,)).fetchone()
    assert [seq for _, seq in rows] == list(range(1, len(rows) + 1))
    assert head == (len(rows), len(rows))
    assert len({key for key, _ in rows}) == len(rows)
    return dict(rows)


def acked(text: str) -> dict[str, int]:
    """Return key -> seq of the whole lines of acks."""
    lines = [line.split() for line in text[: text.rfind("\n") + 1].splitlines()]
    return {key: int(seq) for key, seq in lines}


# ---------------------------------------------------------------- power cuts


def cuts(folder: Path, tmp_path: Path, synchronous: str, survives: float) -> Iterator[tuple[dict[str, int], Path]]:
    """Trace the appending program; yield, at every ack, all acks so far and the database after a power cut."""
    disk, trace, acks = Disk(folder), tmp_path / "trace", tmp_path / "acks"
    disk.load()
    command = [*STRACE, "-o", str(trace), *appender(folder, synchronous, acks, BATCHES)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=100)
    luck = random.Random(7)
    told: dict[str, int] = {}
    for number, text in enumerate(disk.replay(trace, acks)):
        told |= acked(text)
        after = tmp_path / f"cut{number}"
        disk.cut_to(after, lambda: luck.random() < survives)
        yield told, after / "resonance.db"


@needs_strace
@pytest.mark.parametrize("survives", [0.0, 0.5], ids=["nothing unsynced survives", "half of it survives"])
def test_a_power_cut_after_an_ack_loses_nothing_acked(folder: Path, tmp_path: Path, survives: float) -> None:
    seen = 0
    for told, database in cuts(folder, tmp_path, "full", survives):
        seen += 1
        assert told.items() <= stored(database).items()
    assert seen == BATCHES * len(WRITERS)


@needs_strace
@pytest.mark.parametrize("synchronous", ["off", "normal"])
def test_the_check_goes_red_without_the_fsync(folder: Path, tmp_path: Path, synchronous: str) -> None:
    """The test above proves something only if it can fail."""
    lost = 0
    for told, database in cuts(folder, tmp_path, synchronous, 0.0):
        lost += not told.items() <= stored(database).items()
    assert lost > 0


# ---------------------------------------------------------------- kill -9


@pytest.mark.parametrize("after", [1, 40, 200])
def test_kill_9_loses_nothing_acked(folder: Path, after: int) -> None:
    read, write = os.pipe()
    command = appender(folder, "full", Path(f"/dev/fd/{write}"), 10**6)
    with subprocess.Popen(command, cwd=ROOT, pass_fds=[write]) as process, os.fdopen(read) as acks:
        os.close(write)
        lines = [acks.readline() for _ in range(after)]
        process.send_signal(signal.SIGKILL)
        text = "".join(lines) + acks.read()
    told = acked(text)
    assert len(told) >= after
    assert told.items() <= stored(folder / "resonance.db").items()


# ---------------------------------------------------------------- disk full, file locked


async def send(store: SqliteStore, number: int) -> list[int]:
    """Append one batch of anna's and return the seqs; the same number again is the same batch."""
    [state] = await store.states([CHAT], [])
    results = (await store.append(batch("anna", state.conversation.version, number))).results
    assert {result.status for result in results} <= {AppendStatus.STORED, AppendStatus.DUPLICATE}
    return [result.seq for result in results]


async def send_until_refused(store: SqliteStore, limit: int = 5_000) -> tuple[dict[int, list[int]], ServiceError]:
    """Append batches until one is refused; return the acked ones and the refusal."""
    told: dict[int, list[int]] = {}
    for number in range(limit):
        try:
            told[number] = await send(store, number)
        except ServiceError as refusal:
            return told, refusal
    raise AssertionError("nothing was refused")


async def check_recovery(store: SqliteStore, told: dict[int, list[int]]) -> None:
    """Check that a store which can write again has all acked batches once, and takes the refused one."""
    refused = len(told)
    assert await send(store, refused) == [3 * refused + n for n in (1, 2, 3)]
    for number in (0, refused - 1):
        assert await send(store, number) == told[number]
    log = await store.entries(CHAT, 1, 10**6)
    assert [entry.seq for entry in log] == list(range(1, 3 * refused + 4))


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let writes beyond a file size fail (EFBIG), for this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_writes_that_fail_are_refused_and_service_resumes(store: SqliteStore) -> None:
    with file_size_limit(2 << 20):
        told, refusal = await send_until_refused(store)
        assert (refusal.code, refusal.code.value.retry) == (Code.STORAGE_UNAVAILABLE, True)
        assert len(told) > 1
        [view] = (await store.sync("bert", "", 10)).conversations
        assert view.visible_seq == 3 * len(told)
        with pytest.raises(ServiceError):
            await send(store, len(told))
    await check_recovery(store, told)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip("mounting a small file system needs root; RLIMIT_FSIZE stands for it above")
    yield disk
    subprocess.run(["umount", disk], check=True)


async def test_a_full_disk_is_refused_and_service_resumes(small_disk: Path) -> None:
    home = small_disk / "data"
    await _make(home)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(3 << 20))
    store = SqliteStore(home / "resonance.db", StoreConfig())
    await store.start()
    told, refusal = await send_until_refused(store)
    assert refusal.code is Code.STORAGE_UNAVAILABLE
    assert "full" in refusal.message
    filler.unlink()
    await check_recovery(store, told)
    store.close()
    await store.join()
    assert len(stored(home / "resonance.db")) == 3 * len(told) + 3


async def test_a_locked_file_is_refused_and_service_resumes(store: SqliteStore, folder: Path) -> None:
    told = {0: await send(store, 0)}
    with closing(sqlite3.connect(folder / "resonance.db", isolation_level=None)) as intruder:
        intruder.execute("BEGIN EXCLUSIVE")
        refusals = await asyncio.gather(*(send(store, 1) for _ in range(3)), return_exceptions=True)
        assert {type(refusal) for refusal in refusals} == {ServiceError}
        assert {refusal.code for refusal in refusals if isinstance(refusal, ServiceError)} == {Code.STORAGE_UNAVAILABLE}
        assert [entry.seq for entry in await store.entries(CHAT, 1, 100)] == [1, 2, 3]
        intruder.execute("ROLLBACK")
    await check_recovery(store, told)
