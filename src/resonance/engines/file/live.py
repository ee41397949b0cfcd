"""Live configuration in a file: looked at again and again, which works on every file system."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from resonance.config.sources import Found, read_yaml
from resonance.ports.live import LiveSource

log = structlog.get_logger(__name__)

Stamp = tuple[int, int, int] | None


class FileLive(LiveSource):
    """Keys as in resonance.yaml; a file that is not there has none.

    Args:
        interval_s: seconds between two looks.
    """

    def __init__(self, path: Path, interval_s: float) -> None:
        self._path = path
        self._interval_s = interval_s
        self._stamp: Stamp = None  # of the file as it was read; None when there was none
        self._task: asyncio.Task[None] | None = None

    async def start(self, on_change: Callable[[Found], None]) -> None:
        """Read the file, and look after it from now on."""
        self._look(on_change)
        self._task = asyncio.create_task(self._run(on_change), name="live configuration")

    async def close(self) -> None:
        """Look no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, on_change: Callable[[Found], None]) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                self._look(on_change)
            except Exception:  # it was looked at: the next change is told
                log.exception("live configuration could not be taken over", path=str(self._path))

    def _look(self, on_change: Callable[[Found], None]) -> None:
        stamp = self._current()
        if stamp != self._stamp:
            self._stamp = stamp
            on_change(self._read())

    def _current(self) -> Stamp:
        """Return what tells one state of the file from another."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _read(self) -> Found:
        try:
            return read_yaml(self._path)
        except FileNotFoundError:
            return Found({}, [])
        except OSError as error:
            return Found({}, [f"{self._path} cannot be read: {error.strerror}"])
