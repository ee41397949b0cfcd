"""Pushes: from a batch of logic's to the outgoing frames of connections.

An entry is encoded and framed once per codec, and all entries of a push are joined once, so that the usual recipient
costs one list append. Large pushes are cut into slices of users, one slice per tick of the loop, in order.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from resonance.domain.model import Entry
from resonance.gateway.ws.codec import Codec
from resonance.gateway.ws.connection import Connection
from resonance.gateway.ws.frames import frame
from resonance.observe import metrics
from resonance.services.link import Push, PushBatch, SignalPush

SLICE = 256
"""Users served in one tick of the loop."""
BACKLOG = 250_000
"""Users that may wait for slices; above it what waits is dropped and every client told to sync."""
ORDERED_CONVERSATIONS = 256
"""Conversations per connection whose last pushed seq is remembered."""


_ByUser = Mapping[str, list[Connection]]
Watch = Callable[[Connection, Sequence[Entry], int], None]


class _Delivery(ABC):
    """Frames on their way to users.

    Attributes:
        users: whom they are for.
        messages: how many messages that is for each of them.
    """

    users: Sequence[str]
    messages: int

    @abstractmethod
    def run(self, users: Sequence[str], by_user: _ByUser, dirty: list[Connection]) -> tuple[int, int]:
        """Give the frames to some users' connections, and add those to `dirty` that were not.

        Returns:
            How many connections that were, and how many users have none here.
        """


class _Entries(_Delivery):
    """The entries of one push."""

    def __init__(self, push: Push, watch: Watch) -> None:
        self.users = push.users
        self._watch = watch
        self.messages = len(push.entries)
        self._entries = push.entries
        self._origins = push.origins
        # connections that sent one of the entries themselves
        self._senders = {origin for origin in push.origins if origin}
        # by codec: a frame per entry, and all of them joined
        self._frames: dict[Codec, list[bytes]] = {}
        self._joined: dict[Codec, bytes] = {}

    def run(self, users: Sequence[str], by_user: _ByUser, dirty: list[Connection]) -> tuple[int, int]:
        """Give each connection the entries that it was not given yet and did not send."""
        joined, senders = self._joined, self._senders
        conversation = self._entries[0].conversation_id
        first, last = self._entries[0].seq, self._entries[-1].seq
        reached = absent = 0
        for user in users:
            connections = by_user.get(user)
            if connections is None:
                absent += 1
                continue
            for connection in connections:
                seqs = connection.seqs
                if seqs is None:
                    seqs = connection.seqs = {}
                given = seqs.pop(conversation, 0)
                if given < first and connection.number not in senders:
                    seqs[conversation] = last
                    frames = joined.get(connection.codec)
                    news = self._whole(connection, given) if frames is None else frames
                else:
                    seqs[conversation] = max(given, last)
                    news = self._rest(connection, given)
                if given + 1 != first and not connection.codec.hints:
                    news = self._late(connection, given) + news
                if not given and len(seqs) > ORDERED_CONVERSATIONS:
                    _forget_oldest(connection)
                if not news:  # given before, its own, or hidden by the dialect
                    continue
                connection.out.append(news)
                if not connection.dirty:
                    connection.dirty = True
                    dirty.append(connection)
                reached += 1
        return reached, absent

    def _encode(self, codec: Codec) -> list[bytes]:
        frames = self._frames[codec] = [_frames(codec, (codec.push(entry),)) for entry in self._entries]
        return frames

    def _whole(self, connection: Connection, given: int) -> bytes:
        """Return all frames, and keep them for the next connection, unless account is kept of each connection."""
        codec = connection.codec
        whole = b"".join(self._frames.get(codec) or self._encode(codec))
        if codec.replays:
            self._watch(connection, self._entries, given)
        else:
            self._joined[codec] = whole
        return whole

    def _late(self, connection: Connection, given: int) -> bytes:
        """Return the frames of entries that a connection was not given before later ones, and cannot ask for.

        Entries come late that their logic did not live, or did not know, to push. Clients that understand hints see
        the gap in what they are told, and pull; the others would never learn of them, and do without the order.

        A gap is only ever before a push: none has one inside (`logic.delivery` asserts it where it makes them).
        """
        conversation, first = self._entries[0].conversation_id, self._entries[0].seq
        lacking = connection.lacking
        if lacking is None:
            lacking = connection.lacking = {}
        if first > given + 1:  # there is a gap, or nobody knows what there was before
            lacking[conversation] = first - 1
            return b""
        return self._pick(connection, 0, min(given, lacking.get(conversation, 0)))

    def _rest(self, connection: Connection, given: int) -> bytes:
        """Return the frames of those entries that are news to a connection."""
        if connection.codec.replays:
            self._watch(connection, self._entries, given)
        return self._pick(connection, given, self._entries[-1].seq)

    def _pick(self, connection: Connection, after: int, last: int) -> bytes:
        """Return the frames of the entries after a seq, up to another, that a connection did not send itself."""
        frames = self._frames.get(connection.codec) or self._encode(connection.codec)
        return b"".join(
            frames[i]
            for i, entry in enumerate(self._entries)
            if after < entry.seq <= last and self._origins[i] != connection.number
        )


class _Packet(_Delivery):
    """One packet for everybody it is for: a signal, a hint."""

    def __init__(
        self, encode: Callable[[Codec], tuple[bytes, ...]], users: Sequence[str], left_out: int = 0, messages: int = 0
    ) -> None:
        self.users = users
        self.messages = messages
        self._encode = encode
        self._left_out = left_out
        self._frames: dict[Codec, bytes] = {}

    def run(self, users: Sequence[str], by_user: _ByUser, dirty: list[Connection]) -> tuple[int, int]:
        """Give each connection the packet."""
        reached = absent = 0
        for user in users:
            connections = by_user.get(user)
            if connections is None:
                absent += 1
                continue
            for connection in connections:
                if connection.number == self._left_out:
                    continue
                packet = self._frames.get(connection.codec)
                if packet is None:
                    packet = self._frame(connection.codec)
                if not packet:  # the dialect has no such packet
                    continue
                connection.out.append(packet)
                if not connection.dirty:
                    connection.dirty = True
                    dirty.append(connection)
                reached += 1
        return reached, absent

    def _frame(self, codec: Codec) -> bytes:
        packet = self._frames[codec] = _frames(codec, self._encode(codec))
        return packet


class Fanout:
    """Delivers pushes in order, at most `SLICE` users per tick of the loop."""

    def __init__(
        self,
        by_user: _ByUser,
        wrote: Callable[[list[Connection]], None],
        overflow: Callable[[], None],
        watch: Watch = lambda _connection, _entries, _given: None,
    ) -> None:
        """Begin empty.

        Args:
            by_user: the connections that may be pushed to; the registry's own, live.
            wrote: is told of connections that have frames for the end of this tick and had none before.
            overflow: is called when more waits than `BACKLOG`; what waited is dropped by then.
            watch: is told of entries that a connection of a codec with `replays` is given, and which seq it had.
        """
        self._by_user = by_user
        self._wrote = wrote
        self._overflow = overflow
        self._watch = watch
        # what waits, with how many of its users were served
        self._waiting: deque[_Delivery] = deque()
        self._served = 0
        self._users_waiting = 0
        self._scheduled = False

    def push(self, batch: PushBatch) -> None:
        """Deliver a batch: now, or behind what waits."""
        began = time.perf_counter()
        for push in batch.pushes:
            if push.entries:
                self._add(_Entries(push, self._watch))
        for signal in batch.signals:
            self._add(_signal(signal))
        if not self._scheduled:
            self._run()
        if self._users_waiting > BACKLOG:
            self._give_up()
        metrics.push_seconds.observe(time.perf_counter() - began)

    def tell(self, entry: Entry, users: Sequence[str]) -> list[str]:
        """Give an entry to users, behind what waits, whatever they were given before; return who is not here."""
        self._add(_Packet(lambda codec: (codec.push(entry),), users, messages=1))
        if not self._scheduled:
            self._run()
        return [user for user in users if user not in self._by_user]

    def broadcast(self, encode: Callable[[Codec], bytes]) -> None:
        """Give a packet to every connection, behind what waits."""
        self._add(_Packet(lambda codec: (encode(codec),), list(self._by_user)))
        if not self._scheduled:
            self._run()

    def _add(self, delivery: _Delivery) -> None:
        self._waiting.append(delivery)
        self._users_waiting += len(delivery.users)

    def _give_up(self) -> None:
        """Drop what waits: clients sync faster than this gateway pushes."""
        metrics.push_failed.inc(self._users_waiting)
        self._waiting.clear()
        self._served = self._users_waiting = 0
        self._overflow()

    def _run(self) -> None:
        """Serve one slice of users, perhaps of several deliveries."""
        self._scheduled = False
        budget, sent, failed = SLICE, 0, 0
        dirty: list[Connection] = []
        while self._waiting and budget > 0:
            delivery = self._waiting[0]
            users = delivery.users[self._served : self._served + budget]
            budget -= len(users)
            self._users_waiting -= len(users)
            self._served += len(users)
            if self._served >= len(delivery.users):
                self._waiting.popleft()
                self._served = 0
            reached, absent = delivery.run(users, self._by_user, dirty)
            sent += reached * delivery.messages
            failed += absent if delivery.messages else 0
        metrics.messages_sent.inc(sent)
        metrics.push_failed.inc(failed)
        self._wrote(dirty)
        if self._waiting:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._run)


def _forget_oldest(connection: Connection) -> None:
    """Forget the order of the conversation that was pushed to least recently."""
    assert connection.seqs
    oldest = next(iter(connection.seqs))
    del connection.seqs[oldest]
    if connection.lacking is not None:
        connection.lacking.pop(oldest, None)


def _signal(push: SignalPush) -> _Packet:
    return _Packet(lambda codec: codec.signal(push.signal), push.users, push.except_connection)


def _frames(codec: Codec, messages: tuple[bytes, ...]) -> bytes:
    """Return the frames of messages, joined; b"" where the dialect has none."""
    return b"".join([frame(codec.opcode, message) for message in messages if message])
