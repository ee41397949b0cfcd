"""A client's session with the server, sans-I/O: what to do after every packet, answer, loss and tick of the clock.

`Session` is given decoded packets, answers of pulls and syncs and the time, and returns actions. It promises:

* every visible entry is handed on exactly once per session, in order of seq within its conversation;
* every send is settled or refused exactly once, and sends go out in the order they were made, also after a loss;
* stale state + sync = fresh state: a sync begins after every `Ready`, `SyncHint` and signal of a change.

Times are seconds on any monotonic clock.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from enum import Enum

from resonance.domain.closes import Close
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import EntryPage, SyncPage
from resonance.domain.signals import ConversationChanged, FriendChanged, ProfileChanged
from resonance.protocol.actions import (
    Action,
    Complain,
    Connect,
    Deliver,
    End,
    Merged,
    Offline,
    Online,
    Pull,
    Refuse,
    Reset,
    Settle,
    SettleRead,
    Sync,
    Tell,
    Transmit,
)
from resonance.protocol.backoff import Backoff
from resonance.protocol.commands import (
    Acked,
    Chat,
    Fault,
    GoingAway,
    Pulse,
    Pushed,
    Read,
    ReadAcked,
    Ready,
    ServerPacket,
    Signalled,
    SyncHint,
)
from resonance.protocol.merge import Logs, Mirror
from resonance.protocol.outgoing import Outgoing, entry_of

GAP_GRACE = 0.05
"""Seconds that a push may lack its predecessor before a pull: an ack may overtake the push of the entry before it."""
STABLE = 10.0
"""Seconds a connection has to last before a loss counts as the first again."""
_CHANGES = ConversationChanged | FriendChanged | ProfileChanged


class Phase(Enum):
    """Where a session stands."""

    OFFLINE = "offline"
    ONLINE = "online"
    ENDED = "ended"


class Session:
    """One user's session over any number of connections, one at a time.

    Args:
        rng: where jitter comes from.
        positions: the last seq the application has of each conversation, from an earlier session: entries after it are
            handed on, and of conversations that are not named all. None: only what is new from now on.

    Attributes:
        phase: where the session stands.
        user_id: whose it is, "" before the first `Ready`.
        mirror: what sync told.
    """

    def __init__(self, rng: random.Random, positions: Mapping[str, int] | None = None) -> None:
        self.phase = Phase.OFFLINE
        self.user_id = ""
        self.mirror = Mirror()
        self._rng = rng
        self._logs = Logs(positions)
        self._outgoing = Outgoing(rng)
        # Unanswered reads by their seq.
        self._reads: dict[str, Read] = {}
        # The store's epoch as of the last Ready; the generation rises with each change of it.
        self._epoch = ""
        self._generation = 0
        # The sync: what to hand in next, whether one is due, under way, and at its first page.
        self._token = ""
        self._sync_wanted = False
        self._sync_running = False
        self._sync_first = True
        # When to try again what failed.
        self._pulls = Backoff(rng)
        self._syncs = Backoff(rng)
        self._connects = Backoff(rng)
        # When the present connection became ready.
        self._ready_at = 0.0
        # Seconds of jitter that a server which goes away asked for.
        self._jitter = 0.0
        # Whether the access token is to be refreshed before the next connection, and was since the last Ready.
        self._refresh = False
        self._refreshed = False

    # ------------------------------------------------------------ the application

    @property
    def positions(self) -> dict[str, int]:
        """The last seq handed on of each conversation: what to keep for the next session."""
        return self._logs.positions

    def send(self, chat: Chat, now: float) -> list[Action]:
        """Take a message to send; its `seq` and `client_msg_id` are its key, which no unsettled send has."""
        self._outgoing.add(chat)
        return self.tick(now)

    def read(self, read: Read) -> list[Action]:
        """Take a wish to move a read pointer; its `seq` is its key."""
        self._reads[read.seq] = read
        return [Transmit(read)] if self.phase is Phase.ONLINE else []

    def abandon(self, key: str) -> None:
        """Forget a send or read that nobody waits for any more; whether it happened stays unknown."""
        self._outgoing.forget(key)
        self._reads.pop(key, None)

    def pause(self) -> None:
        """Hand on no pushes: the application is behind. They are pulled after `resume`."""
        self._logs.paused = True

    def resume(self, now: float) -> list[Action]:
        """Hand on entries again."""
        self._logs.paused = False
        return self.tick(now)

    def end(self, error: ServiceError) -> list[Action]:
        """End the session: refuse what is unsettled."""
        if self.phase is Phase.ENDED:
            return []
        self.phase = Phase.ENDED
        return [*(Refuse(key, error) for key in [*self._outgoing.keys, *self._reads]), End(error)]

    # ------------------------------------------------------------ the connection

    def lost(self, number: int, now: float) -> list[Action]:
        """Take the loss of a connection, or a failed try to open one; `number` is the close code, 0 for none."""
        if self.phase is Phase.ENDED:
            return []
        close = Close.of(number)
        actions: list[Action] = []
        if self.phase is Phase.ONLINE:
            self.phase = Phase.OFFLINE
            actions.append(Offline(close))
            if now - self._ready_at >= STABLE:
                self._connects.succeeded()
        if close is Close.TOKEN_EXPIRED:
            return [*actions, *self.unauthenticated(ServiceError(Code.TOKEN_EXPIRED))]
        if not (close.value.reconnect if close else number < 4500):
            return [*actions, *self.end(_final(close, number))]
        delay = max(self._connects.failed(now), self._rng.uniform(0, self._jitter))
        self._jitter = 0.0
        return [*actions, Connect(delay, self._refresh)]

    def unauthenticated(self, error: ServiceError) -> list[Action]:
        """Take that the access token was refused: try once with a fresh one, then give up."""
        if self._refreshed:
            return self.end(error)
        self._refresh = True
        return [Connect(0.0, refresh=True)]

    def refreshed(self) -> None:
        """Take that there is a fresh access token; a refresh that failed for a while is a `lost(0)`."""
        self._refresh = False
        self._refreshed = True

    def receive(self, packet: ServerPacket, now: float) -> list[Action]:
        """Take a packet of the present connection."""
        if self.phase is Phase.ENDED:
            return []
        return [*self._take(packet, now), *self.tick(now)]

    def _take(self, packet: ServerPacket, now: float) -> Iterator[Action]:
        match packet:
            case Pushed(entry):
                for released in self._logs.offer(entry, now + GAP_GRACE):
                    yield Deliver(released)
            case Acked():
                yield from self._acked(packet, now)
            case Ready():
                yield from self._ready(packet, now)
            case Signalled(signal):
                # What changed is not in the signal: the truth comes by sync.
                self._sync_wanted |= isinstance(signal, _CHANGES)
                yield Tell(signal)
            case ReadAcked():
                if self._reads.pop(packet.ref_seq, None):
                    yield SettleRead(packet.ref_seq, packet)
            case Fault():
                yield from self._fault(packet)
            case GoingAway(jitter_ms):
                self._jitter = jitter_ms / 1000
            case SyncHint():
                self._sync_wanted = True
            case Pulse():
                pass

    def _ready(self, ready: Ready, now: float) -> Iterator[Action]:
        self.phase = Phase.ONLINE
        self.user_id = ready.user_id
        self._ready_at = now
        self._refreshed = False
        self._sync_wanted = True
        self._syncs.succeeded()
        self._pulls.succeeded()
        self._outgoing.restart(ready.max_in_flight)
        if self._epoch and ready.store_epoch != self._epoch:
            yield from self._reset()
        self._epoch = ready.store_epoch
        yield Online()
        for read in self._reads.values():
            yield Transmit(read)

    def _reset(self) -> Iterator[Action]:
        """Forget the logs of another store; what the new one holds at the next sync counts as the past."""
        self._generation += 1
        paused = self._logs.paused
        self._logs = Logs(None)
        self._logs.paused = paused
        self.mirror.clear()
        self._token = ""
        self._sync_running = False
        yield Reset()

    def _acked(self, ack: Acked, now: float) -> Iterator[Action]:
        chat = self._outgoing.answered(ack, now)
        if chat is None:
            return
        if ack.code:
            yield Refuse(chat.client_msg_id, ServiceError(Code.of(ack.code), ack.error))
            return
        yield Settle(chat.client_msg_id, ack)
        for released in self._logs.offer(entry_of(self.user_id, chat, ack), now + GAP_GRACE):
            yield Deliver(released)

    def _fault(self, fault: Fault) -> Iterator[Action]:
        if self._reads.pop(fault.ref_seq, None):
            yield Refuse(fault.ref_seq, ServiceError(Code.of(fault.code), fault.message, field=fault.field))
        else:
            yield Complain(fault)

    # ------------------------------------------------------------ pulls and syncs

    def pulled(self, pull: Pull, page: EntryPage, now: float) -> list[Action]:
        """Take the answer to a `Pull`."""
        if pull.generation != self._generation or self.phase is Phase.ENDED:
            return []
        if page.entries:
            self._pulls.succeeded()
        else:
            # Nothing although something was announced: do not spin.
            self._pulls.failed(now)
        actions: list[Action] = [Deliver(entry) for entry in self._logs.pulled(pull.conversation_id, page, now)]
        return [*actions, *self.tick(now)]

    def pull_failed(self, pull: Pull, error: ServiceError, now: float) -> list[Action]:
        """Take that a `Pull` has no answer; one that was refused for good is not repeated by itself."""
        if pull.generation != self._generation:
            return []
        self._logs.pull_failed(pull.conversation_id)
        if error.code.value.retry:
            self._pulls.failed(now)
            self._logs.note(pull.conversation_id, now)
        return self.tick(now)

    def synced(self, sync: Sync, page: SyncPage, now: float) -> list[Action]:
        """Take the answer to a `Sync`."""
        if sync.generation != self._generation or self.phase is Phase.ENDED:
            return []
        self._syncs.succeeded()
        self.mirror.merge(page, first=self._sync_first)
        self._sync_first = False
        self._token = page.token
        for view in page.conversations:
            self._logs.learn(view.conversation.id, view.visible_seq, now)
        if page.more:
            return [Merged(page), Sync(self._generation, page.token), *self.tick(now)]
        self._sync_running = False
        self._logs.past = False
        return [Merged(page), *self.tick(now)]

    def sync_failed(self, sync: Sync, error: ServiceError, now: float) -> list[Action]:
        """Take that a `Sync` has no answer; it is tried again, from nothing if the token is of no use any more."""
        if sync.generation != self._generation:
            return []
        self._sync_running = False
        self._sync_wanted = True
        if error.code is Code.REFETCH:
            self._token = ""
        self._syncs.failed(now)
        return self.tick(now)

    # ------------------------------------------------------------ time

    def tick(self, now: float) -> list[Action]:
        """Return what is due now. To be called at `due` at the latest; every other method does it by itself."""
        if self.phase is not Phase.ONLINE:
            return []
        actions: list[Action] = []
        if self._sync_wanted and not self._sync_running and now >= self._syncs.until:
            self._sync_wanted = False
            self._sync_running = self._sync_first = True
            actions.append(Sync(self._generation, self._token))
        if now >= self._pulls.until:
            actions += (Pull(self._generation, name, begin) for name, begin in self._logs.ask(now))
        actions += (Transmit(chat) for chat in self._outgoing.take(now))
        return actions

    @property
    def due(self) -> float | None:
        """When `tick` has something to do; None while only the outside can bring something new."""
        if self.phase is not Phase.ONLINE:
            return None
        times = [self._outgoing.due]
        if self._sync_wanted and not self._sync_running:
            times.append(self._syncs.until)
        if self._logs.due is not None:
            times.append(max(self._pulls.until, self._logs.due))
        return min((time for time in times if time is not None), default=None)


def _final(close: Close | None, number: int) -> ServiceError:
    """Return the error for a close code after which one does not come back."""
    code = Code.USER_DISABLED if close is Close.USER_DISABLED else Code.TOKEN_REVOKED
    if number < 4500:
        code = Code.INTERNAL
    return ServiceError(code, f"the server closed the connection: {close.value.reason if close else number}")
