"""Message ids: 41 bits of milliseconds, 10 bits of a leased worker id, 12 bits of a sequence.

Two processes never share a worker id: it is leased from the store, and an allocator stops by itself when its lease
could have ended, measured on the monotonic clock (a paused process resumes without a lease and makes no id).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from resonance.domain.errors import Code, ServiceError
from resonance.ports.store import Store

EPOCH_MS = 1_704_067_200_000
"""2024-01-01T00:00:00Z, so that the ids last until 2093."""

LEASE_MS = 30_000
LATE_MS = 600_000
"""An event may be this much younger, by the store's clock, than the last id that could be made for it."""
_SEQUENCES = 1 << 12


class Snowflakes:
    """An allocator of ids. `renew` has to be called well within every `LEASE_MS`."""

    def __init__(
        self,
        store: Store,
        owner: str,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._owner = owner
        self._wall_ms = wall_ms
        self._monotonic = monotonic
        self._worker = 0
        # workers that this process has been, with the time (ms UTC) from which on events are somebody else's
        self._former: dict[int, float] = {}
        # the lease's end on the monotonic clock; nothing is made from then on
        self._fence = 0.0
        # the ms that ids are made for now, and the next sequence in it
        self._ms = 0
        self._sequence = 0

    async def renew(self) -> None:
        """Lease or renew the worker id. Raises what the store raises; the old lease then simply runs out."""
        asked = self._monotonic()
        worker = await self._store.lease_worker(self._owner, LEASE_MS)
        if worker != self._worker:
            if self._fence:
                left_ms = (self._fence - self._monotonic()) * 1000
                self._former[self._worker] = self._wall_ms() + left_ms + LATE_MS
            self._former.pop(worker, None)
            # The next ms: ids keep rising whichever of the two workers has the higher number.
            self._worker, self._ms, self._sequence = worker, self._ms + 1, 0
        self._fence = asked + LEASE_MS / 1000 * 0.8

    def is_own(self, worker: int, at: int) -> bool:
        """Say whether this process was a worker when something happened, or whoever it was is not known.

        Args:
            at: ms UTC by the store's clock. A worker id goes to somebody else once it is over.
        """
        if worker < 0 or (worker == self._worker and self._fence > 0):
            return True
        return at < self._former.get(worker, 0)

    def next(self) -> int:
        """Return one id, greater than all before it from this allocator.

        Raises:
            ServiceError: UNAVAILABLE while there is no lease.
        """
        return self.take(1)[0]

    def take(self, count: int) -> list[int]:
        """Return `count` rising ids. A clock that goes back, or a used-up ms, borrows from the ms that follow."""
        if self._monotonic() >= self._fence:
            raise ServiceError(Code.UNAVAILABLE, "logic has no worker lease now: the store does not answer")
        now = self._wall_ms() - EPOCH_MS
        if now > self._ms:
            self._ms, self._sequence = now, 0
        worker = self._worker << 12
        ids = []
        for _ in range(count):
            if self._sequence == _SEQUENCES:
                self._ms, self._sequence = self._ms + 1, 0
            ids.append(self._ms << 22 | worker | self._sequence)
            self._sequence += 1
        return ids
