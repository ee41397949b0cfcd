"""What clients surely have of what was pushed to them, for dialects whose clients ask for nothing when they come back.

Times prove nothing of a push: it may come seconds after its entry, out of turn, or be written to a client that is gone.
So what counts is what was written to a connection (its last seq of each conversation), and what proves that it arrived:
the answer to one of our pings, or to our close. Times only say which of the entries were on their way then,
and those that came later than `SLACK_MS`, or with others before them lacking, are remembered one by one.

A mark is what is known of a client that left. It may lead to a push that comes twice, never to one that is missed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from resonance.domain.model import Entry
from resonance.gateway.ws.connection import Connection

RECENT_MS = 600_000
"""How long ago an entry may have been committed that is given again."""
SLACK_MS = 2_000
"""A push that comes so long after its entry is late. Clocks that differ make pushes late, which costs a repetition."""
MARKS = 8
"""Marks that are looked at for one device; those who were there earlier lack more."""
LATE = 256
"""Conversations of a connection in which pushes that came late are remembered before they are sorted out."""
REMEMBERED = 200_000
"""Conversations that are remembered for all devices that left."""


class Mark(NamedTuple):
    """What a client has.

    Attributes:
        known: False where nobody knows; then the rest says nothing.
        written: by conversation, the last seq that was written to it.
        late: by conversation, the first seq that may be lacking before the last one that was written.
        sure: until when (ms) what was written has arrived; later it may have.
        left: when it left, in ms.
    """

    known: bool
    written: Mapping[str, int]
    late: Mapping[str, int]
    sure: int
    left: int

    def lacks(self, entry: Entry) -> bool:
        """Say whether the client may not have an entry."""
        return (
            entry.seq > self.written.get(entry.conversation_id, 0)
            or entry.created_at >= self.sure - SLACK_MS
            or entry.seq >= self.late.get(entry.conversation_id, entry.seq + 1)
        )


UNKNOWN = Mark(False, {}, {}, 0, 0)


@dataclass(slots=True, eq=False)
class _Record:
    """A connection.

    Attributes:
        prior: what its client had before, which stands until the replay has surely arrived.
        whole: its replay is written, and pushes are written as they come.
        proven: the replay has arrived.
        sure: until when what was written has arrived.
        asked: when the last ping was sent that may prove it.
        holes: by conversation, the first seq that was left out, and when that was noticed.
        late: by conversation, the first seq that was written late, and when the last one was.
        followed: another connection of its device has begun, and was given what this one's client lacks.
        left: when pushes ended.
        stored: the marks that are remembered while both sides close.
        cut: something was not written any more when pushes ended.
    """

    prior: tuple[Mark, ...]
    whole: bool = False
    proven: bool = False
    sure: int = 0
    asked: int = 0
    holes: dict[str, tuple[int, int]] = field(default_factory=dict)
    late: dict[str, tuple[int, int]] = field(default_factory=dict)
    followed: bool = False
    left: int = 0
    stored: tuple[Mark, ...] = ()
    cut: bool = False

    def marks(self, connection: Connection) -> tuple[Mark, ...]:
        """Return what its client surely has."""
        if not self.proven:
            return tuple(mark._replace(left=self.left) for mark in self.prior)
        late = {name: seq for name, (seq, at) in self.late.items() if at >= self.sure - SLACK_MS}
        for name, (seq, at) in self.holes.items():
            if at >= now_ms() - RECENT_MS:
                late[name] = min(seq, late.get(name, seq))
        return (Mark(True, dict(connection.seqs or {}), late, self.sure, self.left),)


class Given:
    """Keeps account of the connections whose clients are given what they missed, and of such clients that left."""

    def __init__(self) -> None:
        self._records: dict[int, _Record] = {}
        # by device, the marks of each connection that ended; the devices that left first stand first
        self._left: dict[str, list[tuple[Mark, ...]]] = {}
        self._remembered = 0

    # ------------------------------------------------------------ a connection's life

    def begin(self, connection: Connection, rivals: Iterable[Connection]) -> tuple[Mark, ...]:
        """Begin with a connection, and return what its client may have: it is to be given what one of these lacks.

        Args:
            rivals: the connections of the same device; one of them may be the one that its client has lost.
        """
        marks: list[Mark] = []
        for rival in rivals:
            record = self._records.get(rival.number)
            if record is not None:
                record.followed = True
                marks += record.marks(rival)
        for left in self._take(connection):
            marks += left
        prior = tuple(sorted(marks or [UNKNOWN], key=lambda mark: mark.sure)[:MARKS])
        self._records[connection.number] = _Record(prior)
        return prior

    def is_open(self, connection: Connection) -> bool:
        """Say whether what is written to a connection now can arrive."""
        record = self._records.get(connection.number)
        return record is not None and not record.left and not connection.agreed

    def wrote(self, connection: Connection) -> None:
        """Take note that all of a connection's replay is written, if it still is."""
        if self.is_open(connection):
            self._records[connection.number].whole = True

    def pushed(self, connection: Connection, entries: Sequence[Entry], given: int) -> None:
        """Take note of entries that are written to a connection which was given that conversation up to a seq."""
        record = self._records.get(connection.number)
        if record is None or not record.whole:
            return
        conversation, now = entries[0].conversation_id, now_ms()
        late = [entry.seq for entry in entries if entry.seq > given and entry.created_at < now - SLACK_MS]
        if late:
            record.late = _noted(record.late, conversation, late[0], now, connection)
        if entries[0].seq > given + 1:
            record.holes = _noted(record.holes, conversation, given + 1, now, connection)

    def ask(self, connection: Connection) -> None:
        """Ask a client whether it has what was written so far: no proof while this tick has something to write."""
        record = self._records.get(connection.number)
        now = now_ms()
        if record is not None and connection.ping(_stamp(now)) and record.whole and not connection.dirty:
            record.asked = now

    def answered(self, connection: Connection, payload: bytes) -> None:
        """Take the answer to a ping: what was written before that has arrived, for it was read in order."""
        record = self._records.get(connection.number)
        if record is not None and record.asked and payload == _stamp(record.asked):
            record.proven, record.sure, record.asked = True, record.asked, 0
            record.followed = False  # it lives, so the one that has begun is another client's

    def detached(self, connection: Connection) -> None:
        """Take note that nothing is pushed to a connection any more; its client may be back before it is gone."""
        record = self._records.get(connection.number)
        if record is not None and not record.left:
            record.left, record.cut = now_ms(), connection.held
            record.stored = record.marks(connection)
            self._remember(connection, record.stored)

    def ended(self, connection: Connection) -> None:
        """Take note that a connection is gone."""
        self.detached(connection)
        record = self._records.pop(connection.number, None)
        if record is None or not self._withdraw(connection, record.stored):  # or its client is back already
            return
        if connection.understood and not record.cut:
            record.proven, record.sure = record.proven or record.whole, record.left
        elif record.followed:  # a lost connection, which the next one stands for
            return
        self._remember(connection, record.marks(connection))

    def forget(self) -> None:
        """Forget everything: it was of another store."""
        self._records.clear()
        self._left.clear()
        self._remembered = 0

    # ------------------------------------------------------------ inside

    def _remember(self, connection: Connection, marks: tuple[Mark, ...]) -> None:
        device_id = connection.principal.caller.device_id
        left = self._left.pop(device_id, [])
        if len(left) >= MARKS:
            self._remembered -= _size(left.pop(_fullest(left)))
        left.append(marks)
        self._left[device_id] = left
        self._remembered += _size(marks)
        while self._remembered > REMEMBERED and len(self._left) > 1:
            self._remembered -= sum(map(_size, self._left.pop(next(iter(self._left)))))

    def _take(self, connection: Connection) -> list[tuple[Mark, ...]]:
        """Return the marks of connections that ended, and forget those that lack least: whichever client this is, what
        the others lack is remembered for when they come, too.
        """
        device_id = connection.principal.caller.device_id
        left = self._left.pop(device_id, [])
        self._remembered -= sum(map(_size, left))
        since, fullest = now_ms() - RECENT_MS, _fullest(left) if left else 0
        for number, marks in enumerate(left):
            if number != fullest and any(mark.left >= since for mark in marks):
                self._remember(connection, marks)
        return left

    def _withdraw(self, connection: Connection, marks: tuple[Mark, ...]) -> bool:
        """Forget a connection's marks; return whether they were still there."""
        device_id = connection.principal.caller.device_id
        left = self._left.get(device_id, [])
        for number, known in enumerate(left):
            if known is marks:
                del left[number]
                self._remembered -= _size(marks)
                if not left:
                    del self._left[device_id]
                return True
        return False


def _noted(
    noted: dict[str, tuple[int, int]], conversation: str, seq: int, now: int, connection: Connection
) -> dict[str, tuple[int, int]]:
    """Remember from where on entries of a conversation may be lacking."""
    before, at = noted.get(conversation, (seq, now))
    noted[conversation] = (min(seq, before) if at >= now - RECENT_MS else seq, now)
    if len(noted) > LATE:  # of those that are not known to be written, everything is lacking
        written = connection.seqs or {}
        return {name: what for name, what in noted.items() if name in written}
    return noted


def now_ms() -> int:
    """Return the time in ms."""
    return time.time_ns() // 1_000_000


def _stamp(at: int) -> bytes:
    return b"%d" % at


def _fullest(left: Sequence[tuple[Mark, ...]]) -> int:
    """Return which of these is of the client that lacks least; of several the last one."""
    return max(range(len(left)), key=lambda number: (min(mark.sure for mark in left[number]), number))


def _size(marks: tuple[Mark, ...]) -> int:
    return sum(1 + len(mark.written) + len(mark.late) for mark in marks)
