"""Copying a store's file, whole and of one moment, while others may write to it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from resonance.domain.errors import Code, ServiceError

PAGES = 2_048
"""Pages copied between two reports of progress (8 MiB)."""

Progress = Callable[[int, int], None]
"""Told how many pages are copied and how many there are."""


def copy_store(source: Path, target: Path, progress: Progress) -> None:
    """Copy a store's file; `target` appears (0600) when the copy is complete and on the disk, or not at all.

    SQLite's backup API starts again whenever somebody writes meanwhile; an open read transaction on the source makes
    it copy that one snapshot instead (sqlite.org/backup.html, sqlite.org/isolation.html).

    Raises:
        ServiceError: STORAGE_UNAVAILABLE when the source is no store, or SQLite fails.
    """
    draft = target.with_name(f"{target.name}.part")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        _copy(source, draft, progress)
        _sync(draft)
        draft.replace(target)
        _sync(target.parent)
    except sqlite3.Error as error:
        raise ServiceError(Code.STORAGE_UNAVAILABLE, f"{source} cannot be copied: {error}") from error
    finally:
        draft.unlink(missing_ok=True)


def check_store(path: Path) -> None:
    """Refuse a file that is no store of ours, without changing it.

    Raises:
        ServiceError: NOT_FOUND, INVALID_ARGUMENT.
    """
    if not path.is_file():
        raise ServiceError(Code.NOT_FOUND, f"{path} is no file: there is no store here")
    try:
        with closing(_open_read_only(path)) as connection:
            known = connection.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
    except sqlite3.Error:
        known = None
    if known is None:
        raise ServiceError(Code.INVALID_ARGUMENT, f"{path} is no Resonance store")


def _copy(source: Path, draft: Path, progress: Progress) -> None:
    with closing(_open_read_only(source)) as origin, closing(sqlite3.connect(draft, isolation_level=None)) as copy:
        origin.execute("BEGIN")
        origin.execute("SELECT 1 FROM meta").fetchone()
        origin.backup(copy, pages=PAGES, progress=lambda _, left, total: progress(total - left, total))
        origin.execute("ROLLBACK")
        copy.execute("PRAGMA journal_mode = DELETE")


def _open_read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=10)


def _sync(path: Path) -> None:
    """Make a file's content, or a folder's names, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
