"""A timer wheel: one timer of the event loop for any number of deadlines, each a tick late at most."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence


class Wheel:
    """Calls `due` with the keys whose time has come. A key is not removed: whoever is gone is ignored by `due`."""

    def __init__(self, tick_s: float, due: Callable[[Sequence[int]], None]) -> None:
        """Begin stopped.

        Args:
            tick_s: seconds between two turns.
            due: is given the keys of one turn, also when there are none.
        """
        self._tick_s = tick_s
        self._due = due
        self._turn = 0
        self._slots: dict[int, list[int]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to turn, in the running event loop."""
        self._timer = asyncio.get_running_loop().call_later(self._tick_s, self._advance)

    def stop(self) -> None:
        """Turn no more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def after(self, delay_s: float, key: int) -> None:
        """Hand out the key in the first turn that is at least `delay_s` from now."""
        turn = self._turn + max(1, 1 + int(delay_s / self._tick_s))
        self._slots.setdefault(turn, []).append(key)

    def _advance(self) -> None:
        self.start()
        self._turn += 1
        self._due(self._slots.pop(self._turn, ()))
