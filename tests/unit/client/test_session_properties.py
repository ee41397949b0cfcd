"""Whatever happens on the way: at the end the client has exactly the server's logs, each entry once and in order."""

from __future__ import annotations

import os

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.client.model import ME, World

NAMES = ["si_me_a", "sg_b", "sg_c", "sg_d"]
names = st.sampled_from(NAMES)


class Interleavings(RuleBasedStateMachine):
    """Pushes (lost, repeated, late), acks, losses, pulls and syncs (stale, failing) in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self.counter = 0
        self.busy = False

    @initialize(before=st.integers(3, 8), seen=st.integers(0, 3))
    def begin(self, before: int, seen: int) -> None:
        """The client has read `seen` entries of one conversation; another opens to the client at its fourth entry."""
        self.world = World({"sg_b": min(seen, before)})
        self.world.server.first_visible["sg_d"] = 4
        for _ in range(before):
            for name in NAMES[1:]:
                self.world.peer_sends(name, self.key())
        self.start = {"sg_b": min(seen, before), "sg_d": 3}
        self.world.connect()

    def key(self) -> str:
        """Return a new key."""
        self.counter += 1
        return f"k{self.counter}"

    @rule(name=names)
    def peer_sends(self, name: str) -> None:
        self.world.peer_sends(name, self.key())

    @rule(name=names)
    def i_send(self, name: str) -> None:
        key = self.key()
        self.sent.append((name, key))
        self.world.send(name, key)

    @precondition(lambda self: self.world.up)
    @rule(busy=st.booleans())
    def server_handles(self, busy: bool) -> None:
        self.busy |= busy
        self.world.serve(busy=busy)

    @precondition(lambda self: self.world.down)
    @rule()
    def ack_arrives(self) -> None:
        self.world.arrive()

    @precondition(lambda self: any(self.world.pushes.values()))
    @rule(data=st.data(), fate=st.sampled_from(["arrives", "arrives", "is lost", "comes twice"]))
    def push(self, data: st.DataObject, fate: str) -> None:
        name = data.draw(st.sampled_from([name for name, line in self.world.pushes.items() if line]))
        if fate == "is lost":
            self.world.lose_push(name)
        else:
            self.world.push_arrives(name, stays=fate == "comes twice")

    @precondition(lambda self: self.world.pulls)
    @rule(data=st.data(), stale=st.booleans(), fails=st.sampled_from([False, False, True]))
    def pull_is_answered(self, data: st.DataObject, stale: bool, fails: bool) -> None:
        index = data.draw(st.integers(0, len(self.world.pulls) - 1))
        if fails:
            self.world.fail_pull(index)
        else:
            self.world.answer_pull(index, stale=stale)

    @precondition(lambda self: self.world.syncs)
    @rule(stale=st.booleans(), fails=st.sampled_from([False, False, True]))
    def sync_is_answered(self, stale: bool, fails: bool) -> None:
        if fails:
            self.world.fail_sync()
        else:
            self.world.answer_sync(stale=stale)

    @precondition(lambda self: self.world.online)
    @rule(number=st.sampled_from([0, 1006, 4001, 1012]))
    def connection_breaks(self, number: int) -> None:
        self.world.disconnect(number)

    @precondition(lambda self: not self.world.online)
    @rule()
    def connection_opens(self) -> None:
        self.world.connect()

    @precondition(lambda self: self.world.online)
    @rule()
    def hint(self) -> None:
        self.world.hint()

    @rule(seconds=st.sampled_from([0.01, 0.06, 1.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule()
    def application_is_behind(self) -> None:
        self.world.session.pause()

    @rule()
    def application_catches_up(self) -> None:
        self.world.do(self.world.session.resume(self.world.now))

    @invariant()
    def each_entry_once_in_order(self) -> None:
        if not hasattr(self, "world"):
            return
        for name, entries in self.world.delivered.items():
            start = self.start.get(name, 0)
            assert entries == self.world.server.logs[name][start : start + len(entries)]

    @invariant()
    def one_pull_per_conversation(self) -> None:
        if hasattr(self, "world"):
            pulled = [pull.conversation_id for pull, _ in self.world.pulls]
            assert len(pulled) == len(set(pulled))

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.do(world.session.resume(world.now))
        world.settle()
        for name, log in world.server.logs.items():
            assert world.delivered.get(name, []) == log[self.start.get(name, 0) :]
        mine = [entry.client_msg_id for log in world.server.logs.values() for entry in log if entry.sender == ME]
        assert sorted(world.settled) == sorted(key for _, key in self.sent if key not in world.refused)
        assert set(world.settled) <= set(mine)
        if not self.busy:
            self.sends_kept_their_order()

    def sends_kept_their_order(self) -> None:
        """Within a conversation, and without retries of single messages, seqs follow the order of sending."""
        for name in NAMES:
            stored = [entry.client_msg_id for entry in self.world.server.logs.get(name, []) if entry.sender == ME]
            assert stored == [key for where, key in self.sent if where == name]


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(
    max_examples=2000 if os.environ.get("RESONANCE_SOAK") else 100, stateful_step_count=60, deadline=None
)
