"""Any history of joins, leaves, kicks, rejoins, roles, mutes and messages against a model of what people witnessed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from resonance.domain.errors import Code
from resonance.domain.model import ConversationStatus, GroupSettings, MemberChange, Role
from resonance.domain.windows import History
from resonance.ports.store import Store
from tests.contract.store.making import (
    NOTHING,
    Examples,
    change,
    group,
    join,
    kick,
    leave,
    mute,
    people,
    rank,
    refused,
    say,
    seqs,
)

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]

FOUNDER = "anna"
OTHERS = ["bert", "o'neil"]
EVERYBODY = [FOUNDER, *OTHERS]
anybody = st.sampled_from(EVERYBODY)
roles = st.sampled_from(Role)


@dataclass
class Witness:
    """What one person of the model knows: `seen` are the seqs they were given since they (last) joined."""

    inside: bool = True
    role: Role = Role.MEMBER
    muted_until: int = 0
    read: int = 0
    seen: set[int] = field(default_factory=set)


class GroupMachine(RuleBasedStateMachine):
    """One group and its model. The model knows no windows: it hands every entry to whoever is inside at the time."""

    def __init__(self, store: Store, run: Run[Any]) -> None:
        super().__init__()
        self.store = store
        self.run = run
        self.people: dict[str, Witness] = {}
        self.counted: set[int] = set()

    @initialize(history=st.sampled_from(History), first=st.sets(st.sampled_from(OTHERS)), most=st.integers(2, 3))
    def make(self, history: History, first: set[str], most: int) -> None:
        members = sorted(first)
        self.group = self.run(group(self.store, FOUNDER, *members, history=history, max_members=most))
        self.people = {user_id: Witness(seen={1}) for user_id in members}
        self.people[FOUNDER] = Witness(role=Role.OWNER, seen={1})
        self.head = 1

    @rule(who=anybody, role=roles)
    def joins(self, who: str, role: Role) -> None:
        if self._is_inside(who):
            self._is_refused(Code.ALREADY_MEMBER, join(who, role))
        elif self._present() + 1 > self.group.max_members:
            self._is_refused(Code.GROUP_FULL, join(who, role))
        else:
            self._change(join(who, role))

    @rule(who=anybody, part=st.sampled_from([leave, kick]))
    def goes(self, who: str, part: Callable[[str], MemberChange]) -> None:
        if self._is_inside(who):
            self._change(part(who))
        else:
            self._is_refused(Code.NOT_MEMBER, part(who))

    @rule(out=anybody, into=anybody)
    def is_replaced(self, out: str, into: str) -> None:
        full = self._present() > self.group.max_members
        if self._is_inside(out) and not self._is_inside(into) and not full:
            self._change(kick(out), join(into))

    @rule(who=anybody, role=roles, until=st.integers(0, 9))
    def is_ranked_and_muted(self, who: str, role: Role, until: int) -> None:
        if self._is_inside(who):
            self._change(rank(who, role), mute(who, until))
        else:
            self._is_refused(Code.NOT_MEMBER, mute(who, until))

    @rule(history=st.sampled_from(History), most=st.integers(1, 4))
    def is_set(self, history: History, most: int) -> None:
        self._change(wish=GroupSettings(history=history, max_members=most))

    @rule()
    def is_dissolved(self) -> None:
        self._change(dissolve=True)

    @rule(who=anybody)
    def changes_too_late(self, who: str) -> None:
        with refused(Code.STALE):
            self.run(change(self.store, replace(self.group, version=self.group.version - 1), kick(who)))

    @rule(who=anybody)
    def speaks(self, who: str) -> None:
        if self._is_inside(who):
            assert self.run(say(self.store, self.group.id, who)).seq == self.head + 1
            self._witness()
            self.counted.add(self.head)
            self.people[who].read = self.head

    @rule(who=anybody, seq=st.integers(-1, 40))
    def reads(self, who: str, seq: int) -> None:
        person = self.people.get(who)
        if person is not None:
            end = max(person.seen)
            person.read = max(person.read, end if seq <= 0 else min(seq, end))
            assert self.run(self.store.mark_read(who, self.group.id, seq)).read_seq == person.read

    @invariant()
    def the_store_is_as_the_model(self) -> None:
        if self.people:
            self.run(self._compare_members())
            self.run(self._compare_views())

    async def _compare_members(self) -> None:
        [found] = await self.store.states([self.group.id], [])
        conversation = found.conversation
        assert found.complete
        assert set(found.members) == set(self.people)
        assert conversation.member_count == self._present()
        assert (conversation.max_seq, conversation.ordinal) == (self.head, len(self.counted))
        assert (conversation.version, conversation.status) == (self.group.version, self.group.status)
        for who, person in self.people.items():
            row = found.members[who]
            assert (row.active, row.role, row.muted_until) == (person.inside, person.role, person.muted_until)

    async def _compare_views(self) -> None:
        for who, person in self.people.items():
            assert await seqs(self.store, who, self.group.id) == sorted(person.seen)
            view = await self.store.conversation(who, self.group.id)
            assert view.visible_seq == max(person.seen)
            assert view.last_entry is not None
            assert view.last_entry.seq == max(person.seen)
            assert view.member.read_seq == person.read
            assert view.unread == sum(seq > person.read for seq in person.seen & self.counted)

    def _is_inside(self, who: str) -> bool:
        return who in self.people and self.people[who].inside

    def _present(self) -> int:
        return sum(person.inside for person in self.people.values())

    def _is_refused(self, code: Code, part: MemberChange) -> None:
        with refused(code):
            self.run(change(self.store, self.group, part))

    def _change(self, *parts: MemberChange, wish: GroupSettings = NOTHING, dissolve: bool = False) -> None:
        """Apply a change to store and model; its entry is witnessed by who comes, who stays and who goes."""
        before = self.group
        self.group = self.run(change(self.store, before, *parts, settings=wish, dissolve=dissolve))
        assert self.group.version == before.version + 1
        assert self.group.max_seq == self.head + 1
        assert self.group.status is (ConversationStatus.DISSOLVED if dissolve else before.status)
        for part in parts:
            if part.op.value == "join":
                self._come(part, before.history)
        self._witness()
        for part in parts:
            self._apply(part)

    def _come(self, part: MemberChange, history: History) -> None:
        past = set(range(1, self.head + 1)) if history is History.FULL else set()
        muted_until = self.people[part.user_id].muted_until if part.user_id in self.people else 0
        read = 0 if history is History.FULL else self.head
        self.people[part.user_id] = Witness(True, part.role, muted_until, read, past)

    def _apply(self, part: MemberChange) -> None:
        person = self.people[part.user_id]
        if part.op.value in ("leave", "kick"):
            person.inside, person.role = False, Role.MEMBER
        elif part.op.value == "role":
            person.role = part.role
        elif part.op.value == "mute":
            person.muted_until = part.until

    def _witness(self) -> None:
        """One more entry, which everybody inside is given."""
        self.head += 1
        for person in self.people.values():
            if person.inside:
                person.seen.add(self.head)


class MembershipsSuite:
    async def test_any_history_shows_everybody_what_they_witnessed(self, store: Store, examples: Examples) -> None:
        """The machine is synchronous and runs in a thread of its own; its commands run on this test's loop."""
        await people(store, *EVERYBODY)
        loop = asyncio.get_running_loop()

        def run(command: Coroutine[Any, Any, T]) -> T:
            return asyncio.run_coroutine_threadsafe(command, loop).result(30)

        class Machine(GroupMachine):
            def __init__(self) -> None:
                super().__init__(store, run)

        await asyncio.to_thread(
            run_state_machine_as_test,
            Machine,
            settings=settings(
                max_examples=examples(30),
                stateful_step_count=30,
                deadline=None,
                phases=[Phase.reuse, Phase.generate],  # shrinking over a real database takes minutes
            ),
        )
