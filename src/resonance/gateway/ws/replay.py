"""What a client missed while it was away, for dialects whose clients ask for nothing when they come back.

Clients of a codec with `replays` are given, before anything newer, what was committed since their device was last
connected. The gateway that they left remembers when that was. Another one, and this one after a restart, cannot know:
there it is what is unread since the login, so that a push may come twice, and none is missed. Either way it is the
last ten minutes at most, the newest entries of the conversations that changed last, and nothing of the user's own.

From the upgrade to the end of its replay a connection's pushes are noted instead of written, and what its client sends
waits. So each conversation's entries come in ascending order, whatever is committed meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from copy import copy
from itertools import groupby
from typing import NamedTuple

import structlog

from resonance.domain.closes import Close
from resonance.domain.errors import ServiceError
from resonance.domain.model import Caller, ConversationView, Entry
from resonance.gateway.ws.codec import Codec
from resonance.gateway.ws.connection import Connection
from resonance.observe import metrics
from resonance.services import LogicServices

log = structlog.get_logger(__name__)

RECENT_MS = 600_000
"""How long ago an entry may have been committed."""
CONVERSATIONS = 200
PER_CONVERSATION = 50
"""Entries of one conversation, the newest."""
SLACK_MS = 2_000
"""An entry's time is that of its transaction's beginning, on another clock; it is pushed later."""
TIMEOUT_S = 10.0
"""Longest time for a replay, waiting for its turn included; a client that gets none is sent away to try again."""
AT_ONCE = 32
"""Replays that read at the same time."""
ENVELOPE = 256
"""About what an entry takes in bytes beside its content."""
REMEMBERED = 10_000
"""Devices that left whose time is remembered."""

_DOUBTFUL = frozenset({Close.SLOW_CONSUMER, Close.RESYNC, Close.UNAVAILABLE})
"""Ends before which pushes may have been missed for an unknown time."""
_UNKNOWN = 0


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
        since: when the device was last connected, in ms; 0 when nobody knows.
    """

    connection: Connection
    codec: Codec
    noted: _Noted
    since: int


class Replays:
    """Gives connections what their clients missed, and remembers when devices were last connected."""

    def __init__(self, services: LogicServices, high_water: int) -> None:
        """Begin with nobody.

        Args:
            high_water: bytes that a client may owe; a replay is half of that at most.
        """
        self._services = services
        self._room = high_water // 2
        self._turns = asyncio.Semaphore(AT_ONCE)
        # by connection: what `since` was while its replay is under way, None once it was given everything
        self._open: dict[int, int | None] = {}
        # by device: when it was last connected, the oldest first
        self._left: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, connection: Connection, rivals: Iterable[Connection]) -> None:
        """Replay to a connection that pushes reach from now on.

        Args:
            rivals: the connections of the same device; one of them may be the one that its client has lost.
        """
        device_id = connection.principal.caller.device_id
        held = [self._seen(rival) for rival in rivals if rival.number in self._open]
        since = min(held) if held else self._left.pop(device_id, _UNKNOWN)
        self._open[connection.number] = since
        replay = _Replay(connection, connection.codec, _Noted(connection.codec, self._room), since)
        connection.codec = replay.noted.noting()
        connection.pause()
        task = asyncio.create_task(self._run(replay))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def ended(self, connection: Connection, *, linked: bool) -> None:
        """Take note that a connection is gone; `linked` says that pushes had a way here until now."""
        if connection.number not in self._open:
            return
        since = self._open[connection.number]
        if since is None:
            since = self._end(connection) if linked else _UNKNOWN
        del self._open[connection.number]
        if since != _UNKNOWN:
            device_id = connection.principal.caller.device_id
            self._left[device_id] = max(self._left.pop(device_id, 0), since)
            if len(self._left) > REMEMBERED:
                del self._left[next(iter(self._left))]

    def stop(self) -> None:
        """Give up the replays under way. Idempotent."""
        for task in self._tasks:
            task.cancel()

    # ------------------------------------------------------------ when a device was last connected

    def _seen(self, connection: Connection) -> int:
        """Return up to when a connection's client surely was given everything."""
        since = self._open[connection.number]
        return _heard_ms(connection) if since is None else since

    def _end(self, connection: Connection) -> int:
        """Return the same of one that is gone."""
        if connection.closing in _DOUBTFUL:
            return _UNKNOWN
        if connection.closing is Close.PING_TIMEOUT or connection.close_code() == "1006":
            return _heard_ms(connection)
        return _now_ms()

    # ------------------------------------------------------------ the replay

    async def _run(self, replay: _Replay) -> None:
        """Read what was missed and write it, or send the client away to try again."""
        connection = replay.connection
        missed: list[Entry] = []
        close: Close | None = None
        try:
            async with asyncio.timeout(TIMEOUT_S), self._turns:
                missed = await self._missed(replay)
        except TimeoutError:
            close = Close.RESYNC
        except ServiceError as error:
            log.warning("nothing can be replayed", connection=connection.number, error=str(error))
            close = Close.RESYNC if error.code.value.retry else None
        except Exception:
            log.exception("a replay failed", connection=connection.number)
        connection.codec = replay.codec
        if replay.noted.overflowed:
            close = Close.RESYNC
        if close is None:
            _write(connection, (*missed, *replay.noted.entries))
            if connection.number in self._open and connection.closing is None:
                self._open[connection.number] = None
        else:
            connection.close(close)
        connection.finish(None)

    async def _missed(self, replay: _Replay) -> list[Entry]:
        """Return what to replay, as much as there is room for, of the conversations that changed last."""
        caller = replay.connection.principal.caller
        since = max(_now_ms() - RECENT_MS, replay.since - SLACK_MS)
        if replay.since == _UNKNOWN:
            since = max(since, await self._login(caller))
        page = await self._services.conversations.page(caller, "", CONVERSATIONS, True)
        missed: list[Entry] = []
        room = self._room
        for view in _changed(page.items, since):
            after = view.member.read_seq if replay.since == _UNKNOWN else 0
            for entry in reversed(await self._newest(caller, view.conversation.id)):
                if entry.created_at >= since and entry.seq > after and entry.sender != caller.user_id:
                    room -= len(replay.codec.push(entry))
                    if room < 0:
                        return missed
                    missed.append(entry)
        return missed

    async def _login(self, caller: Caller) -> int:
        """Return when the caller's device logged in: before that nobody has listed anything to it."""
        devices = await self._services.accounts.devices(caller)
        return next((device.created_at for device in devices if device.id == caller.device_id), _now_ms())

    async def _newest(self, caller: Caller, conversation_id: str) -> list[Entry]:
        try:
            page = await self._services.messages.history(caller, conversation_id, 0, PER_CONVERSATION)
        except ServiceError as error:
            if error.code.value.retry:
                raise
            return []  # the caller may not read it any more
        return page.entries


def _write(connection: Connection, entries: Iterable[Entry]) -> None:
    """Write entries, each conversation's in ascending order, the one that changed last at the end."""
    ordered = sorted({_place(entry): entry for entry in entries}.values(), key=_place)
    logs = [list(log) for _, log in groupby(ordered, lambda entry: entry.conversation_id)]
    seqs = connection.seqs = connection.seqs or {}
    for log_ in sorted(logs, key=lambda one: one[-1].created_at):
        conversation_id, last = _place(log_[-1])
        seqs[conversation_id] = max(seqs.pop(conversation_id, 0), last)
        for entry in log_:
            connection.send(connection.codec.push(entry))
    metrics.messages_sent.inc(len(ordered))


def _changed(views: Sequence[ConversationView], since: int) -> list[ConversationView]:
    """Return the conversations that show an entry from then on, the newest first."""
    ends = [(view.last_entry.created_at, view) for view in views if view.last_entry is not None]
    return [view for at, view in sorted(ends, key=lambda end: -end[0]) if at >= since]


def _place(entry: Entry) -> tuple[str, int]:
    return entry.conversation_id, entry.seq


def _heard_ms(connection: Connection) -> int:
    """Return when a client was last heard."""
    return _now_ms() - int((time.monotonic() - connection.heard) * 1000)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
