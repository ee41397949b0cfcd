"""A witness of everything that was committed: replays the outbox and says what must not have happened.

It shares nothing with rights, caches and fences: it knows who was in, muted or blocked only from the changes in the
order of their commits, and judges every message by that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from resonance.config.engines import StoreConfig
from resonance.domain.content import Kind
from resonance.domain.events import ConversationUpdated, EntriesAppended, Event, FriendsUpdated, decode
from resonance.domain.ids import UserId, single_id
from resonance.domain.model import Conversation, Entry, GroupChange, MemberChange, MemberOp, Role
from resonance.engines.sqlite.store import SqliteStore


class WatchedStore(SqliteStore):
    """A store that writes down every change of a group, by the version that it led to."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, StoreConfig())
        self.changes: dict[tuple[str, int], GroupChange] = {}

    async def change_group(self, change: GroupChange) -> Conversation:
        changed = await super().change_group(change)
        self.changes[changed.id, changed.version] = change
        return changed


@dataclass
class Person:
    """Somebody who is a member now."""

    role: Role = Role.MEMBER
    muted: bool = False


@dataclass
class Log:
    """A conversation up to some commit."""

    people: dict[str, Person]
    version: int = 1
    head: int = 0
    mute_all: bool = False
    dissolved: bool = False
    muted: set[str] = field(default_factory=set)  # a mute outlasts an absence
    refused: set[str] = field(default_factory=set)  # in a single conversation, who is blocked by the other one

    def check(self, sender: str) -> None:
        """Fail unless this user may write now."""
        assert sender in self.people, f"{sender} is no member"
        assert sender not in self.muted, f"{sender} is muted"
        assert sender not in self.refused, f"{sender} is blocked"
        assert not self.dissolved, "the group is dissolved"
        assert not (self.mute_all and self.people[sender].role is Role.MEMBER), f"{sender} is silenced"

    def apply(self, change: GroupChange) -> None:
        """Follow a change of a group."""
        for part in change.members:
            self._part(part)
        if change.settings.mute_all is not None:
            self.mute_all = change.settings.mute_all
        self.dissolved |= change.dissolve
        self.version += 1

    def _part(self, part: MemberChange) -> None:
        who = part.user_id
        if part.op is MemberOp.JOIN:
            self.people[who] = Person(part.role)
        elif part.op in (MemberOp.LEAVE, MemberOp.KICK):
            del self.people[who]
        elif part.op is MemberOp.ROLE:
            self.people[who].role = part.role
        elif part.until:
            self.muted.add(who)
        else:
            self.muted.discard(who)


class Witness:
    """Replays events in the order of their commits.

    Attributes:
        audience: by (conversation, seq), who was a member when the entry was committed.
    """

    def __init__(self, changes: Mapping[tuple[str, int], GroupChange], entries: Iterable[Entry]) -> None:
        self.audience: dict[tuple[str, int], frozenset[str]] = {}
        self._changes = changes
        self._entries = {(entry.conversation_id, entry.seq): entry for entry in entries}
        self._logs: dict[str, Log] = {}

    def replay(self, events: Iterable[Event]) -> None:
        """Follow all events; fails at the first message that must not have been written."""
        for event in events:
            match decode(event):
                case ConversationUpdated() as updated:
                    self._updated(updated)
                case EntriesAppended() as appended:
                    self._appended(appended)
                case FriendsUpdated(actor, other, "blocked"):
                    self._single(actor, other).refused.add(other)
                case FriendsUpdated(actor, other, "unblocked"):
                    self._single(actor, other).refused.discard(other)

    def _single(self, a: str, b: str) -> Log:
        return self._logs[single_id(UserId(a), UserId(b))]

    def _updated(self, updated: ConversationUpdated) -> None:
        if updated.action == "created":
            people = {user_id: Person() for user_id in updated.user_ids}
            people[updated.actor].role = Role.OWNER
            self._logs[updated.conversation_id] = Log(people)
            return
        log = self._logs[updated.conversation_id]
        log.apply(self._changes[updated.conversation_id, updated.version])
        assert log.version == updated.version

    def _appended(self, appended: EntriesAppended) -> None:
        log = self._logs[appended.conversation_id]
        assert appended.first_seq == log.head + 1, "seqs have no holes"
        for seq in range(appended.first_seq, appended.last_seq + 1):
            entry = self._entries[appended.conversation_id, seq]
            if entry.kind != Kind.SYSTEM:
                log.check(entry.sender)
            self.audience[appended.conversation_id, seq] = frozenset(log.people)
        log.head = appended.last_seq
