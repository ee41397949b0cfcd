"""One server per database file: an exclusive lock on a file beside it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from resonance.domain.errors import Code, ServiceError


class FileLock:
    """Held from `acquire` to `release`, and by the kernel's doing never longer than the process lives."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = database.with_name(database.name + ".lock")
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            ServiceError: STORAGE_UNAVAILABLE when another process holds it, naming that process and what to do.
        """
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 32).decode(errors="replace").strip()
            os.close(file)
            raise ServiceError(
                Code.STORAGE_UNAVAILABLE,
                f"{self._database} is in use by process {holder or 'unknown'}: stop that server, "
                "or give this one a data_dir (or store.path) of its own",
            ) from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file

    def release(self) -> None:
        """Give the lock back; the file stays. Idempotent."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
