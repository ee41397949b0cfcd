"""How a client turns lost, repeated and early pushes back into the server's logs. Sans-I/O.

A push is fast and may be missing or repeated; a pull is true. `Timeline` follows one conversation and hands every
visible entry on exactly once, in order of seq; `Logs` follows all; `Mirror` holds the rest of what sync tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from resonance.domain.ids import UserId
from resonance.domain.model import ConversationView, Entry, EntryPage, Friend, FriendRequest, SyncPage, User

MAX_HELD = 512
"""Entries kept back behind a gap, per conversation; those beyond are pulled when their turn comes."""


class Timeline:
    """What one client has of one conversation's log.

    Attributes:
        position: everything visible up to this seq has been handed on.
    """

    __slots__ = ("_asked", "_begin", "_goal", "_held", "position")

    def __init__(self, position: int) -> None:
        self.position = position
        # Entries ahead of the gap, by seq.
        self._held: dict[int, Entry] = {}
        # The highest seq known to exist.
        self._goal = position
        # While a pull is under way: the goal when it was asked. The answer decides about all seqs up to there.
        self._asked: int | None = None
        self._begin = 0

    @property
    def behind(self) -> bool:
        """Whether entries are known to exist that were not handed on."""
        return self._goal > self.position

    def learn(self, seq: int) -> None:
        """Note that the log reaches up to `seq`."""
        self._goal = max(self._goal, seq)

    def offer(self, entry: Entry) -> Iterator[Entry]:
        """Take an entry that arrived by a push or an ack; yield those whose turn it is now."""
        self.learn(entry.seq)
        if entry.seq > self.position and len(self._held) < MAX_HELD:
            self._held[entry.seq] = entry
        yield from self._release()

    def ask(self) -> int | None:
        """Return the seq to pull from, and count the pull as under way; None when no pull is due.

        At most one pull of a conversation is under way at a time.
        """
        if self._asked is not None or not self.behind:
            return None
        self._asked = self._goal
        self._begin = self.position + 1
        return self._begin

    def pulled(self, page: EntryPage) -> Iterator[Entry]:
        """Take the answer to the pull under way; yield the entries whose turn it is now.

        What the page leaves out between its entries is not visible to this client: before the window, or after its
        end although a push had announced it.
        """
        asked = self._asked or 0
        self._asked = None
        self.position = max(self.position, page.begin - 1)
        self._held.update((entry.seq, entry) for entry in page.entries)
        for seq in [seq for seq in self._held if seq <= self.position]:
            del self._held[seq]
        if not any(entry.seq >= self._begin for entry in page.entries):
            self._disown(page.end, asked)
        self.learn(page.end)
        yield from self._release()

    def pull_failed(self) -> None:
        """Take note that the pull under way has no answer; `ask` gives it out again."""
        self._asked = None

    def _disown(self, end: int, asked: int) -> None:
        """Forget what was announced in (end, asked]: the log as this client may see it ends before."""
        if self._goal <= asked:
            self._goal = max(self.position, end)
        for seq in [seq for seq in self._held if end < seq <= asked]:
            del self._held[seq]

    def _release(self) -> Iterator[Entry]:
        """Yield what follows on the position without a gap."""
        while (entry := self._held.pop(self.position + 1, None)) is not None:
            self.position += 1
            yield entry


class Logs:
    """The timelines of all conversations of one client.

    Args:
        positions: what the application has already; entries after these are handed on, and all of conversations that
            are not named. None: what exists before `past` becomes False is the past and is not handed on.

    Attributes:
        past: whether a conversation that turns up now counts as known up to its present end.
        paused: whether the application takes no entries: they are noted only, and pulled later.
    """

    def __init__(self, positions: Mapping[str, int] | None) -> None:
        self.past = positions is None
        self.paused = False
        self._known = dict(positions or {})
        self._timelines: dict[str, Timeline] = {}
        # Conversations that are behind, and when to pull each.
        self._behind: dict[str, float] = {}

    @property
    def positions(self) -> dict[str, int]:
        """The last seq handed on of each conversation."""
        return self._known | {name: timeline.position for name, timeline in self._timelines.items()}

    @property
    def due(self) -> float | None:
        """When a conversation is to be pulled next; None while none is behind."""
        return None if self.paused else min(self._behind.values(), default=None)

    def offer(self, entry: Entry, pull_at: float) -> Iterator[Entry]:
        """Take an entry that arrived by a push or an ack; yield those whose turn it is now.

        Args:
            pull_at: when to pull if an entry before this one is missing.
        """
        name = entry.conversation_id
        timeline = self._timeline(name, entry.seq - 1)
        if self.paused:
            timeline.learn(entry.seq)
        else:
            yield from timeline.offer(entry)
        self.note(name, pull_at)

    def learn(self, name: str, seq: int, pull_at: float) -> None:
        """Note that a conversation's log reaches up to `seq`."""
        self._timeline(name, seq).learn(seq)
        self.note(name, pull_at)

    def ask(self, now: float) -> Iterator[tuple[str, int]]:
        """Yield each conversation to be pulled now and the seq to pull from."""
        if self.paused:
            return
        for name in [name for name, at in self._behind.items() if at <= now]:
            del self._behind[name]
            begin = self._timelines[name].ask()
            if begin is not None:
                yield name, begin

    def pulled(self, name: str, page: EntryPage, pull_at: float) -> Iterator[Entry]:
        """Take the answer to a pull; yield the entries whose turn it is now."""
        yield from self._timelines[name].pulled(page)
        self.note(name, pull_at)

    def pull_failed(self, name: str) -> None:
        """Take that a pull has no answer; `note` asks for another one."""
        self._timelines[name].pull_failed()

    def note(self, name: str, pull_at: float) -> None:
        """Remember to pull a conversation if it is behind; of two times the first one given counts."""
        if self._timelines[name].behind:
            self._behind.setdefault(name, pull_at)
        else:
            self._behind.pop(name, None)

    def _timeline(self, name: str, past: int) -> Timeline:
        timeline = self._timelines.get(name)
        if timeline is None:
            timeline = self._timelines[name] = Timeline(past if self.past else self._known.get(name, 0))
        return timeline


class Mirror:
    """The caller's conversations, friends, requests and known users as of the last sync.

    Merging a page again, or an overlapping one, changes nothing: rows replace rows of the same key.
    """

    def __init__(self) -> None:
        self.conversations: dict[str, ConversationView] = {}
        # By friend; tombstones and blocks included, as the server has them.
        self.friends: dict[str, Friend] = {}
        # By (sender, recipient).
        self.requests: dict[tuple[str, str], FriendRequest] = {}
        self.users: dict[UserId, User] = {}

    def merge(self, page: SyncPage, *, first: bool) -> None:
        """Take a page of a sync.

        Args:
            first: whether it is the first page of its sync: only then does `full` mean "replace everything".
        """
        if page.full and first:
            self.clear()
        self.conversations.update((view.conversation.id, view) for view in page.conversations)
        self.friends.update((friend.friend_id, friend) for friend in page.friends)
        self.requests.update(((request.sender, request.recipient), request) for request in page.requests)
        self.users.update((user.id, user) for user in page.users)

    def clear(self) -> None:
        """Forget everything."""
        self.conversations.clear()
        self.friends.clear()
        self.requests.clear()
        self.users.clear()
