"""Values that the scripted services answer with."""

from __future__ import annotations

from resonance.domain.ids import ConversationId, UserId, group_conversation_id, single_id
from resonance.domain.model import (
    Caller,
    Conversation,
    ConversationKind,
    ConversationView,
    Device,
    DeviceState,
    Entry,
    EntryPage,
    Friend,
    FriendRequest,
    Member,
    Platform,
    PresenceState,
    Principal,
    RequestStatus,
    Role,
    SendAnswer,
    User,
)
from resonance.domain.windows import History
from resonance.services.accounts import Tokens

ANN, BOB = UserId("ann"), UserId("bob")
TOKEN = "good-token"
CALLER = Caller(ANN, 5, "device-1")
PRINCIPAL = Principal(CALLER, expires_at=4_000_000_000_000)
SINGLE = single_id(ANN, BOB)
GROUP = group_conversation_id("team")
BIG_ID = 2**63 - 1

USER = User(ANN, "Ann", avatar="a.png", extra='{"k":1}', last_seen_at=77, created_at=1, updated_at=2)
PEER = User(BOB, "Bob", avatar="b.png", created_at=3, updated_at=4)
TOKENS = Tokens("access", "refresh", 86_400, USER, "device-1")
DEVICE = Device("device-1", ANN, Platform.WEB, "Firefox", DeviceState.ACTIVE, "jti", 1, 2, 3)
PRESENCE = PresenceState(BOB, True, (1, 5), 99)
FRIEND = Friend(ANN, BOB, True, False, "Bobby", 5)
FRIEND_REQUEST = FriendRequest(BOB, ANN, "hi", RequestStatus.PENDING, 6, 7)
ENTRY = Entry(SINGLE, 3, BIG_ID, BOB, "k1", 1, "hello", "", 3, 1_700_000_000_123)
SYSTEM_ENTRY = Entry(GROUP, 1, 12, "system", "", 6, "{}", "", 0, 1_700_000_000_999)
PAGE = EntryPage([ENTRY], 1, 3)


def single_view(last: Entry | None = ENTRY) -> ConversationView:
    """Return ann's view of her conversation with bob."""
    conversation = Conversation(SINGLE, ConversationKind.SINGLE, max_seq=3, member_count=2, created_at=1, updated_at=2)
    return ConversationView(conversation, Member(SINGLE, ANN, read_seq=2), last, 3, 1, PEER)


def group_view() -> ConversationView:
    """Return ann's view of a group that she has left at seq 4 while it went on to 9."""
    conversation = Conversation(
        ConversationId(GROUP),
        ConversationKind.GROUP,
        name="Team",
        avatar="t.png",
        owner=BOB,
        history=History.SINCE_JOIN,
        max_seq=9,
        member_count=2,
        version=7,
    )
    return ConversationView(conversation, Member(GROUP, ANN, role=Role.ADMIN, max_seq=4), SYSTEM_ENTRY, 4, 0)


def sent(code: str = "", error: str = "", key: str = "k1") -> SendAnswer:
    """Return the answer to a message: stored, or refused."""
    return SendAnswer(0, 0, BIG_ID, 4, 4, 1_700_000_000_000, SINGLE, key, code, error)
