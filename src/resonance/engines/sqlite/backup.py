"""Backups of a store that goes on serving, and putting one back."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from resonance.domain.errors import Code, ServiceError, invalid
from resonance.engines.sqlite.connection import connect, connect_reader
from resonance.engines.sqlite.lock import FileLock
from resonance.engines.sqlite.migrate import current_version, write_epoch

PAGES = 2_000
"""Pages copied between two calls of `progress`."""

Progress = Callable[[int, int], None]
"""Called with the pages done and the pages in all."""


def backup(path: Path, target: Path, progress: Progress, *, replace: bool = False) -> None:
    """Copy the store at `path` as it is now into the file `target` (0600), while a server may go on using it.

    The copy is durable when this returns, and appears under its name only when it is whole.

    Args:
        replace: allow that a file at `target` is lost for it.

    Raises:
        ServiceError: INVALID_ARGUMENT when `path` is no store, or `target` exists or is `path`; STORAGE_UNAVAILABLE.
    """
    _check_store(path, "path")
    _check_target(target, path, "choose another name, or replace it with --force", replace=replace)
    try:
        _write_whole(path, target, lambda _copy: None, progress)
    except (sqlite3.Error, OSError) as error:
        raise ServiceError(Code.STORAGE_UNAVAILABLE, f"the backup failed: {error}") from error


def restore(source: Path, target: Path, progress: Progress, *, replace: bool = False) -> Path | None:
    """Make `target` the store of a backup, with a new epoch, so that every client fetches anew.

    The name changes over in one step: whenever this is interrupted, `target` is the old store or the new one.

    Args:
        replace: allow that a store is at `target`; it is kept beside it.

    Returns:
        Where the store is now that was at `target`; None when there was none.

    Raises:
        ServiceError: INVALID_ARGUMENT when `source` is no store, or `target` exists or is `source`;
            STORAGE_UNAVAILABLE when a server uses `target`.
    """
    _check_store(source, "source")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(target)
    lock.acquire()
    try:
        remedy = "--force puts the backup in its place and keeps the old one beside it"
        _check_target(target, source, remedy, replace=replace)
        draft = target.with_name(target.name + ".restoring")
        _write_whole(source, draft, write_epoch, progress)
        kept = _set_aside(target) if target.exists() else None
        draft.replace(target)
        _sync(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise ServiceError(Code.STORAGE_UNAVAILABLE, f"the restore failed: {error}") from error
    finally:
        lock.release()
    return kept


def _write_whole(source: Path, target: Path, finish: Callable[[sqlite3.Connection], None], progress: Progress) -> None:
    """Write a copy of a store, one that appears at `target` when it is complete and durable, or not at all."""
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(connect_reader(source)) as origin, closing(connect(part)) as copy:
            # A snapshot that stays open keeps the copy from starting over at every commit of the server
            # (sqlite.org/backup.html).
            origin.execute("BEGIN")
            origin.execute("SELECT count(*) FROM meta").fetchone()
            origin.backup(
                copy, pages=PAGES, progress=lambda _status, left, total: progress(total - left, total), sleep=0
            )
            copy.execute("PRAGMA journal_mode = DELETE")
            finish(copy)
        _sync(part)
        part.replace(target)
        _sync(target.parent)
    finally:
        part.unlink(missing_ok=True)


def _set_aside(store: Path) -> Path:
    """Keep a store under a second name, its write-ahead log with it, which must not meet the new file."""
    kept = store.with_name(f"{store.name}.{datetime.now().astimezone():%Y%m%dT%H%M%S.%f}")
    kept.hardlink_to(store)
    for suffix in ("-wal", "-shm"):
        beside = store.with_name(store.name + suffix)
        if beside.exists():
            beside.rename(kept.with_name(kept.name + suffix))
    return kept


def _check_store(path: Path, field: str) -> None:
    """Refuse a file that is no store."""
    if not path.exists():
        raise invalid(field, f"there is no file {path}")
    try:
        known = path.is_file() and current_version(path)
    except sqlite3.Error:
        known = False
    if not known:
        raise invalid(field, f"{path} is no store of Resonance")


def _check_target(target: Path, source: Path, remedy: str, *, replace: bool) -> None:
    """Refuse to write over what is there."""
    if target.is_dir():
        raise invalid("target", f"{target} is a folder: name the file to write, such as {target / 'resonance.db'}")
    if not target.parent.is_dir():
        raise invalid("target", f"there is no folder {target.parent}: make it first")
    if target.exists() and target.samefile(source):
        raise invalid("target", f"{target} is the database itself")
    if target.exists() and target.stat().st_size and not replace:
        raise invalid("target", f"{target} exists: {remedy}")


def _sync(path: Path) -> None:
    """Make a file's content, or a folder's names, durable."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
