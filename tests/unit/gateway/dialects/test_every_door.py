"""What the core tells has a form in every dialect whatever is in it: a failing encoder would stop a push to all."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resonance._proto.gateway.v1 import packet_pb2
from resonance.config import Settings
from resonance.domain.closes import Close
from resonance.domain.content import Kind
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import OPEN_CONVERSATION, UserId, group_conversation_id, single_id
from resonance.domain.model import Entry, SendAnswer
from resonance.domain.signals import ConversationChanged, FriendChanged, Presence, ProfileChanged, Receipt, Typing
from resonance.gateway.dialects import DIALECTS
from resonance.gateway.ws.commands import Ask, Claimed, Refused
from resonance.gateway.ws.doors import NATIVE, Door
from resonance.protocol.commands import Chat, ReadAcked

DOORS: list[Door] = [*NATIVE, *(dialect(Settings()).door() for dialect in DIALECTS)]
by_door = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
int64s = st.integers(0, 2**63 - 1)
times = st.integers(0, 253_402_300_799_999)
handles = st.text(alphabet="ab_-.@é", min_size=1, max_size=6).map(UserId)
conversations = st.one_of(
    st.builds(single_id, handles, handles), st.just(group_conversation_id("team")), st.just(OPEN_CONVERSATION)
)
notices = st.fixed_dictionaries(
    {},
    optional={
        name: texts
        | st.lists(texts, max_size=2)
        | st.integers()
        | st.none()
        | st.dictionaries(texts, texts, max_size=2)
        for name in ("action", "actor", "users", "count", "changes")
    },
).map(json.dumps)
entries = st.builds(
    Entry,
    conversation_id=conversations,
    seq=int64s,
    message_id=int64s,
    sender=handles,
    client_msg_id=texts | st.just("~gw-0.1.0.1"),
    kind=st.sampled_from(list(Kind)),
    content=texts | notices,
    extra=texts,
    ordinal=int64s,
    created_at=times,
)
NESTED = Entry("sg_team", 1, 2, UserId("system"), "", Kind.SYSTEM, "[" * 3_000, "", 0, 9)
signals = st.one_of(
    st.builds(Presence, handles, st.booleans(), times),
    st.builds(Typing, conversations, handles),
    st.builds(Receipt, conversations, handles, int64s),
    st.builds(ConversationChanged, conversations, texts, handles, st.lists(handles, max_size=3).map(tuple), int64s),
    st.builds(FriendChanged, texts, handles, texts),
    st.builds(ProfileChanged, handles),
)


def check(door: Door, *messages: bytes) -> None:
    """Check that messages are what their clients can read; none is a message, too."""
    for message in messages:
        if message.startswith(b"{"):
            assert isinstance(json.loads(message), dict)
        elif message:
            assert door.codec.opcode == 2
            assert packet_pb2.WsPacket.FromString(message).WhichOneof("payload")


@by_door
@given(entry=entries)
@example(entry=NESTED)
def test_entries(door: Door, entry: Entry) -> None:
    check(door, door.codec.push(entry))


@by_door
@given(signal=signals)
def test_signals(door: Door, signal: Presence) -> None:
    check(door, *door.codec.signal(signal))


@by_door
@given(code=st.sampled_from(["", *(code.text for code in Code), "of a newer logic"]), text=texts, number=int64s)
def test_answers_to_what_clients_say(door: Door, code: str, text: str, number: int) -> None:
    answer = SendAnswer(1, 1, number, number, number, number, "si_a_b", text, code, text)
    for one in door.examples:
        command = door.codec.decode(one.payload)
        packet = command.packet if isinstance(command, Claimed) else command
        if isinstance(packet, Chat):
            check(door, door.codec.ack(answer, packet.seq))
        ref = packet.ref if isinstance(packet, Ask | Refused) else packet.seq
        for error in (ServiceError(Code.of(code), text), ServiceError(Code.INTERNAL)):
            check(door, door.codec.fault(error, ref))


@by_door
@given(text=texts, number=int64s)
def test_everything_else(door: Door, text: str, number: int) -> None:
    codec = door.codec
    check(
        door, codec.pulse(), codec.read_ack(ReadAcked("", text, number, number)), codec.going_away(5), codec.sync_hint()
    )
    check(door, *(codec.farewell(close) for close in Close))
