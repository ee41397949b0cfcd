"""What a client missed while it was away, for dialects whose clients ask for nothing when they come back.

Clients of a codec with `replays` are given, before anything newer, what they may not have. The gateway that they left
knows (`ws.given`). Another one, and this one after a restart, cannot: there it is what is unread since the login.
Either way a push may come twice; and it is what was committed in the last ten minutes at most, the newest entries of
the conversations that changed last, and nothing of the user's own.

From the upgrade to the end of its replay a connection's pushes are noted instead of written, and what its client sends
waits. So each conversation's entries come in ascending order, whatever is committed meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from copy import copy
from functools import partial
from itertools import groupby
from typing import NamedTuple

import structlog

from resonance.domain.closes import Close
from resonance.domain.errors import ServiceError
from resonance.domain.model import Caller, ConversationView, Entry
from resonance.gateway.ws.codec import Codec
from resonance.gateway.ws.connection import Connection
from resonance.gateway.ws.given import RECENT_MS, Given, Mark, now_ms
from resonance.observe import metrics
from resonance.services import LogicServices

log = structlog.get_logger(__name__)

CONVERSATIONS = 200
PER_CONVERSATION = 50
"""Entries of one conversation, the newest."""
TIMEOUT_S = 10.0
"""Longest time for one piece of a replay (the list, or a conversation), once its turn has come. Behind that the client
is given what was read, and sent away to come back for the rest."""
AT_ONCE = 32
"""Replays that read at the same time."""
ENVELOPE = 256
"""About what an entry takes in bytes beside its content."""


class _Noted:
    """What was pushed to a connection during its replay, as long as there is room.

    Attributes:
        overflowed: something was left out.
    """

    def __init__(self, codec: Codec, room: int) -> None:
        self.entries: list[Entry] = []
        self.overflowed = False
        self._codec = codec
        self._room = room

    def note(self, entry: Entry) -> bytes:
        """Take an entry, and write nothing."""
        # about what it will take: encoding it for every connection that replays would make one push dear
        self._room -= len(entry.content) + len(entry.extra) + ENVELOPE
        self.overflowed = self.overflowed or self._room < 0
        if not self.overflowed:
            self.entries.append(entry)
        return b""

    def noting(self) -> Codec:
        """Return a codec that notes entries here, and is otherwise the connection's own."""
        noting = copy(self._codec)
        noting.push = self.note  # type: ignore[method-assign]
        return noting


class _Replay(NamedTuple):
    """One under way.

    Attributes:
        codec: the connection's own, which writes again afterwards.
        marks: what the client may have: it is given what one of them lacks.
        missed: what was read so far.
        heads: by conversation, the last seq at the time of reading.
    """

    connection: Connection
    codec: Codec
    noted: _Noted
    marks: tuple[Mark, ...]
    missed: list[Entry]
    heads: dict[str, int]


class Replays:
    """Gives connections what their clients missed."""

    def __init__(self, services: LogicServices, given: Given, high_water: int) -> None:
        """Begin with nobody.

        Args:
            high_water: bytes that a client may owe; a replay is half of that at most.
        """
        self._services = services
        self._given = given
        self._room = high_water // 2
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, connection: Connection, rivals: Iterable[Connection]) -> None:
        """Replay to a connection that pushes reach from now on.

        Args:
            rivals: as for `Given.begin`.
        """
        marks = self._given.begin(connection, rivals)
        replay = _Replay(connection, connection.codec, _Noted(connection.codec, self._room), marks, [], {})
        connection.codec = replay.noted.noting()
        connection.pause()
        task = asyncio.create_task(self._run(replay))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Give up the replays under way. Idempotent."""
        for task in self._tasks:
            task.cancel()

    # ------------------------------------------------------------ inside

    async def _run(self, replay: _Replay) -> None:
        """Read what was missed and write it; a client that is not given everything is sent away to try again."""
        connection = replay.connection
        whole = again = False
        try:
            async with self._turns:
                whole = await self._read(replay)
        except TimeoutError:
            again = True
        except ServiceError as error:
            log.warning("not everything can be replayed", connection=connection.number, error=str(error))
            again = error.code.value.retry
        except Exception:
            log.exception("a replay failed", connection=connection.number)
        connection.codec = replay.codec
        self._write(replay, whole)
        if again or replay.noted.overflowed:
            connection.close(Close.RESYNC)
        elif whole:  # behind what this tick writes
            asyncio.get_running_loop().call_soon(self._given.ask, connection)
        connection.finish(None)

    async def _read(self, replay: _Replay) -> bool:
        """Read what to replay, as much as there is room for, of the conversations that changed last.

        Returns:
            Whether that is everything; False when the client is gone.
        """
        if not self._given.is_open(replay.connection):
            return False
        caller = replay.connection.principal.caller
        since, room = now_ms() - RECENT_MS, self._room
        async with asyncio.timeout(TIMEOUT_S) as limit:
            login = 0 if all(mark.known for mark in replay.marks) else await self._login(caller)
            page = await self._services.conversations.page(caller, "", CONVERSATIONS, True)
            heads: dict[str, int] = {
                v.conversation.id: v.last_entry.seq for v in reversed(page.items) if v.last_entry is not None
            }
            for view in _changed(page.items, since):
                lacks = partial(_lacks, replay.marks, login, view.member.read_seq)
                if view.last_entry is None or not lacks(view.last_entry):
                    continue
                limit.reschedule(asyncio.get_running_loop().time() + TIMEOUT_S)
                for entry in reversed(await self._newest(caller, view.conversation.id)):
                    if entry.created_at >= since and entry.sender != caller.user_id and lacks(entry):
                        room -= len(replay.codec.push(entry))
                        if room >= 0:
                            replay.missed.append(entry)
                if room < 0:
                    break
        replay.heads.update(heads)
        return True

    def _write(self, replay: _Replay, whole: bool) -> None:
        """Write entries, each conversation's in ascending order, the one that changed last at the end."""
        connection = replay.connection
        if whole:
            self._given.wrote(connection)
        seqs = connection.seqs = replay.heads
        noted = (entry for entry in replay.noted.entries if entry.seq > seqs.get(entry.conversation_id, 0))
        ordered = sorted({_place(entry): entry for entry in (*replay.missed, *noted)}.values(), key=_place)
        logs = [list(log) for _, log in groupby(ordered, lambda entry: entry.conversation_id)]
        for log_ in sorted(logs, key=lambda one: one[-1].created_at):
            for entry in log_:
                given = seqs.pop(entry.conversation_id, 0)
                if entry.seq > given:
                    self._given.pushed(connection, [entry], given)
                seqs[entry.conversation_id] = max(given, entry.seq)
                connection.send(connection.codec.push(entry))
        metrics.messages_sent.inc(len(ordered))

    async def _login(self, caller: Caller) -> int:
        """Return when the caller's device logged in: before that nobody has listed anything to it."""
        devices = await self._services.accounts.devices(caller)
        return next((device.created_at for device in devices if device.id == caller.device_id), now_ms())

    async def _newest(self, caller: Caller, conversation_id: str) -> list[Entry]:
        try:
            page = await self._services.messages.history(caller, conversation_id, 0, PER_CONVERSATION)
        except ServiceError as error:
            if error.code.value.retry:
                raise
            return []  # the caller may not read it any more
        return page.entries


def _lacks(marks: Sequence[Mark], login: int, read_seq: int, entry: Entry) -> bool:
    """Say whether a client may lack an entry; where nobody knows, it is what is unread since the login."""
    return any(
        mark.lacks(entry) if mark.known else entry.created_at >= login and entry.seq > read_seq for mark in marks
    )


def _changed(views: Sequence[ConversationView], since: int) -> list[ConversationView]:
    """Return the conversations that show an entry from then on, the newest first."""
    ends = [(view.last_entry.created_at, view) for view in views if view.last_entry is not None]
    return [view for at, view in sorted(ends, key=lambda end: -end[0]) if at >= since]


def _place(entry: Entry) -> tuple[str, int]:
    return entry.conversation_id, entry.seq
