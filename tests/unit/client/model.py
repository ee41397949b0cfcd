"""A reference server in memory, and the network between it and a `Session`: both lose, repeat and reorder on demand."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping

from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import ConversationId, UserId
from resonance.domain.model import (
    Conversation,
    ConversationKind,
    ConversationView,
    Entry,
    EntryPage,
    Member,
    SyncPage,
)
from resonance.protocol.actions import (
    Action,
    Connect,
    Deliver,
    End,
    Pull,
    Refuse,
    Settle,
    Sync,
    Transmit,
)
from resonance.protocol.commands import Acked, Chat, Pushed, Ready, ServerPacket, SyncHint
from resonance.protocol.session import Phase, Session

PAGE = 3
"""Entries in a pull's page, so that gaps need several."""
ME = "me"


class ModelServer:
    """The truth: logs, keys and the clock of changes.

    Attributes:
        first_visible: by conversation, where this client's window opens.
    """

    def __init__(self, epoch: str = "e1") -> None:
        self.epoch = epoch
        self.logs: dict[str, list[Entry]] = {}
        self.first_visible: dict[str, int] = {}
        self._keys: dict[str, Entry] = {}
        # By conversation, the time of its last change; time is the number of appends.
        self._changed: dict[str, int] = {}
        self._clock = 0

    def append(self, name: str, sender: str, key: str, content: str) -> tuple[Entry, bool]:
        """Store a message once per key; say whether it is new."""
        if key in self._keys:
            return self._keys[key], False
        log = self.logs.setdefault(name, [])
        self._clock += 1
        self._changed[name] = self._clock
        seq = len(log) + 1
        entry = Entry(name, seq, 1000 + self._clock, sender, key, 1, content, "", seq, self._clock)
        log.append(entry)
        self._keys[key] = entry
        return entry, True

    def visible(self, name: str) -> list[Entry]:
        """Return the entries of a conversation that the client may see."""
        return self.logs.get(name, [])[self.first_visible.get(name, 1) - 1 :]

    def page(self, name: str, begin: int) -> EntryPage:
        """Answer a pull."""
        entries = [entry for entry in self.visible(name) if entry.seq >= begin][:PAGE]
        return EntryPage(entries, self.first_visible.get(name, 1), len(self.logs.get(name, [])))

    def sync(self, token: str) -> SyncPage:
        """Answer a sync: two conversations a page, with an overlap of two changes."""
        epoch, _, since = token.partition(":")
        full = epoch != self.epoch
        after = 0 if full else int(since) - 2
        changed = sorted((at, name) for name, at in self._changed.items() if at > after)
        views = [self._view(name) for _, name in changed[:2]]
        more = len(changed) > 2
        upto = changed[1][0] + 2 if more else self._clock
        return SyncPage(full, views, [], [], [], f"{self.epoch}:{upto}", more)

    def _view(self, name: str) -> ConversationView:
        log = self.logs[name]
        conversation = Conversation(ConversationId(name), ConversationKind.GROUP, max_seq=len(log))
        member = Member(ConversationId(name), UserId(ME), min_seq=self.first_visible.get(name, 1))
        return ConversationView(conversation, member, log[-1], len(log), 0)


class World:
    """A session, its server, and everything that is on its way between them."""

    def __init__(self, positions: Mapping[str, int] | None) -> None:
        self.server = ModelServer()
        self.session = Session(random.Random(1), positions)
        self.now = 100.0
        self.connects: list[Connect] = [Connect(0.0, refresh=False)]
        self.up: deque[Chat] = deque()
        # Down: acks and others in one line; pushes in a line per conversation, because those may overtake one another.
        self.down: deque[ServerPacket] = deque()
        self.pushes: dict[str, deque[Entry]] = {}
        # A server that drops a push of a living connection owes it a hint.
        self.owes_hint = False
        # Requests with the answer as of when they were made: they may also be answered by the state of later.
        self.pulls: list[tuple[Pull, EntryPage]] = []
        self.syncs: list[tuple[Sync, SyncPage]] = []
        self.delivered: dict[str, list[Entry]] = {}
        self.settled: list[str] = []
        self.refused: dict[str, ServiceError] = {}
        self.ended: list[ServiceError] = []

    def do(self, actions: list[Action]) -> None:
        """Carry out what the session wants."""
        for action in actions:
            match action:
                case Transmit(Chat() as chat):
                    self.up.append(chat)
                case Pull():
                    self.pulls.append((action, self.server.page(action.conversation_id, action.begin)))
                case Sync():
                    self.syncs.append((action, self.server.sync(action.token)))
                case Connect():
                    self.connects.append(action)
                case Deliver(entry):
                    self.delivered.setdefault(entry.conversation_id, []).append(entry)
                case Settle(key):
                    self.settled.append(key)
                case Refuse(key, error):
                    self.refused[key] = error
                case End(error):
                    self.ended.append(error)
                case _:
                    pass

    # ------------------------------------------------------------ what may happen

    @property
    def online(self) -> bool:
        """Whether there is a connection."""
        return self.session.phase is Phase.ONLINE

    def connect(self) -> None:
        """Open a connection: the server knows the route before the client is ready."""
        self.connects.clear()
        self.receive(Ready("1", ME, 0, self.server.epoch, 30, 4, 1 << 20))

    def disconnect(self, number: int = 0) -> None:
        """Lose the connection with all that is on its way on it."""
        self.up.clear()
        self.down.clear()
        self.pushes.clear()
        self.owes_hint = False
        self.do(self.session.lost(number, self.now))

    def receive(self, packet: ServerPacket) -> None:
        """Bring a packet to the session."""
        self.do(self.session.receive(packet, self.now))

    def send(self, name: str, key: str) -> None:
        """Let the application send."""
        self.do(self.session.send(Chat(key, name, "", "text", f"mine {key}", "", key), self.now))

    def peer_sends(self, name: str, key: str) -> None:
        """Let somebody else send."""
        entry, _ = self.server.append(name, "peer", key, f"theirs {key}")
        self._push(entry)

    def serve(self, *, busy: bool = False) -> None:
        """Let the server handle the next message of the client."""
        chat = self.up.popleft()
        key = chat.client_msg_id
        if busy:
            code = Code.BUSY
            self.down.append(Acked(key, 0, 0, 0, 0, chat.conversation_id, key, code.text, "full", retry=True))
            return
        entry, _ = self.server.append(chat.conversation_id, ME, key, chat.content)
        ack = Acked(
            key, entry.message_id, entry.seq, entry.ordinal, entry.created_at, chat.conversation_id, key, "", "", False
        )
        self.down.append(ack)

    def _push(self, entry: Entry) -> None:
        if self.online and entry.seq >= self.server.first_visible.get(entry.conversation_id, 1):
            self.pushes.setdefault(entry.conversation_id, deque()).append(entry)

    def arrive(self) -> None:
        """Bring the next ack."""
        self.receive(self.down.popleft())

    def push_arrives(self, name: str, *, stays: bool = False) -> None:
        """Bring the next push of a conversation; `stays`: it will come again."""
        line = self.pushes[name]
        entry = line[0] if stays else line.popleft()
        self.receive(Pushed(entry))

    def lose_push(self, name: str) -> None:
        """Drop the next push of a conversation, as a server does whose buffer for the client is full."""
        self.pushes[name].popleft()
        self.owes_hint = True

    def answer_pull(self, index: int, *, stale: bool) -> None:
        """Answer a pull, by the state of now or of when it was asked."""
        pull, page = self.pulls.pop(index)
        page = page if stale else self.server.page(pull.conversation_id, pull.begin)
        self.do(self.session.pulled(pull, page, self.now))

    def fail_pull(self, index: int, code: Code = Code.UNAVAILABLE) -> None:
        """Let a pull fail."""
        pull, _ = self.pulls.pop(index)
        self.do(self.session.pull_failed(pull, ServiceError(code), self.now))

    def answer_sync(self, index: int = 0, *, stale: bool = False) -> None:
        """Answer a sync, by the state of now or of when it was asked."""
        sync, page = self.syncs.pop(index)
        self.do(self.session.synced(sync, page if stale else self.server.sync(sync.token), self.now))

    def fail_sync(self, index: int = 0, code: Code = Code.UNAVAILABLE) -> None:
        """Let a sync fail."""
        sync, _ = self.syncs.pop(index)
        self.do(self.session.sync_failed(sync, ServiceError(code), self.now))

    def hint(self) -> None:
        """Let the server say that pushes may have been missed."""
        self.owes_hint = False
        self.receive(SyncHint())

    def pass_time(self, seconds: float) -> None:
        """Move the clock, then let the session do what is due."""
        self.now += seconds
        self.do(self.session.tick(self.now))

    def settle(self) -> None:
        """Let everything arrive that is on its way, until nothing is left to do."""
        if not self.online:
            self.connect()
        if self.owes_hint:
            self.hint()
        for _ in range(100_000):
            if not self._step():
                return
        raise AssertionError("the session never comes to rest")

    def _step(self) -> bool:
        """Do one thing that is pending; say whether there was any."""
        line = next((name for name, line in self.pushes.items() if line), None)
        if self.up:
            self.serve()
        elif self.down:
            self.arrive()
        elif line is not None:
            self.push_arrives(line)
        elif self.pulls:
            self.answer_pull(0, stale=False)
        elif self.syncs:
            self.answer_sync()
        elif self.session.due is not None:
            self.pass_time(max(0.0, self.session.due - self.now))
        else:
            return False
        return True
