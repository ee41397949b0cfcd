"""Backups of a store that goes on serving, and putting one back."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from resonance.domain.errors import Code, ServiceError, invalid
from resonance.engines.sqlite.connection import connect, connect_reader
from resonance.engines.sqlite.lock import FileLock
from resonance.engines.sqlite.migrate import current_version, write_epoch

PAGES = 2_000
"""Pages copied between two calls of `progress`."""

Progress = Callable[[int, int], None]
"""Called with the pages done and the pages in all."""


def backup(path: Path, target: Path, progress: Progress) -> None:
    """Copy the store at `path` as it is now into the new file `target`, while a server may go on using it.

    The copy is durable when this returns, and appears under its name only when it is whole.

    Raises:
        ServiceError: INVALID_ARGUMENT when `path` is no store or `target` exists; STORAGE_UNAVAILABLE.
    """
    _check_store(path, "path")
    if target.exists():
        raise invalid("target", f"{target} exists: name a new file")
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        with closing(connect_reader(path)) as source, closing(connect(part)) as copy:
            # A snapshot that stays open keeps the copy from starting over at every commit of the server.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM meta").fetchone()
            _copy(source, copy, progress)
            copy.execute("PRAGMA journal_mode = DELETE")
        _sync(part)
        part.rename(target)
        _sync(target.parent)
    except (sqlite3.Error, OSError) as error:
        part.unlink(missing_ok=True)
        raise ServiceError(Code.STORAGE_UNAVAILABLE, f"the backup failed: {error}") from error


def restore(source: Path, target: Path, progress: Progress, *, replace: bool = False) -> None:
    """Make `target` the store of a backup, with a new epoch, so that every client fetches anew.

    Args:
        replace: allow that a store at `target` is lost for it.

    Raises:
        ServiceError: INVALID_ARGUMENT when `source` is no store or `target` exists; STORAGE_UNAVAILABLE when a
            server uses `target`.
    """
    _check_store(source, "source")
    if target.exists() and not replace:
        raise invalid("target", f"{target} exists: say that it may be replaced, or name a new file")
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target)
    lock.acquire()
    try:
        _restore(source, target, progress)
    except (sqlite3.Error, OSError) as error:
        raise ServiceError(Code.STORAGE_UNAVAILABLE, f"the restore failed: {error}") from error
    finally:
        lock.release()


def _restore(source: Path, target: Path, progress: Progress) -> None:
    """Build the store in a file beside the target, and put that in the target's place at the end."""
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    with closing(connect_reader(source)) as backup_file, closing(connect(part)) as copy:
        _copy(backup_file, copy, progress)
        copy.execute("PRAGMA journal_mode = DELETE")
        write_epoch(copy)
    _sync(part)
    for leftover in ("-wal", "-shm"):
        target.with_name(target.name + leftover).unlink(missing_ok=True)
    part.rename(target)
    _sync(target.parent)


def _copy(source: sqlite3.Connection, copy: sqlite3.Connection, progress: Progress) -> None:
    source.backup(copy, pages=PAGES, progress=lambda _status, left, total: progress(total - left, total), sleep=0)


def _check_store(path: Path, field: str) -> None:
    """Refuse a file that is no store."""
    try:
        known = path.is_file() and current_version(path)
    except sqlite3.Error:
        known = False
    if not known:
        raise invalid(field, f"{path} is no store of Resonance")


def _sync(path: Path) -> None:
    """Make a file's content, or a folder's names, durable."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
