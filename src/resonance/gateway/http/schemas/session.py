"""Resonance's session routes as JSON (seed 001's paths, the field names of its protobuf messages).

Here a conversation is called a session, `timestamp` is in seconds, and names are handles.
"""

from __future__ import annotations

from pydantic import Field

from resonance.domain.model import ConversationKind, ConversationView, Entry, User
from resonance.gateway.http.schemas.fields import Body
from resonance.gateway.http.schemas.messages import kind_name

SINGLE, GROUP = 1, 2
"""The types of sessions. Everyone's conversation looks like a group."""


class CreateSessionBody(Body):
    """A session to be made: type 1 with one other member, 2 with any number."""

    members: list[str] = Field(max_length=1_000)
    """Handles; the caller may be among them."""
    name: str = ""
    type: int = Field(0, ge=0, le=2)
    """0: single when there is one other member and no name, else a group."""


class SessionCreatedOut(Body):
    """The session's id, for every other call."""

    session_id: str


class PushMessageOut(Body):
    """A message. `to_username` is "" in groups."""

    msg_id: str
    seq_id: int
    session_id: str
    from_username: str
    to_username: str
    content: str
    type: str
    timestamp: int


class SessionInfoOut(Body):
    """A session as the caller sees it."""

    session_id: str
    name: str
    type: int
    avatar_url: str
    unread_count: int
    last_read_seq: int
    last_message: PushMessageOut | None


class SessionsOut(Body):
    """The caller's sessions, pinned first, then the latest changed."""

    sessions: list[SessionInfoOut]


class SessionMessagesOut(Body):
    """Messages in ascending seq."""

    messages: list[PushMessageOut]


class ContactOut(Body):
    """Somebody one can write to."""

    username: str
    nickname: str
    avatar_url: str


class ContactsOut(Body):
    """Users who match a search."""

    users: list[ContactOut]


def push_message_out(entry: Entry, view: ConversationView) -> PushMessageOut:
    """Return an entry's JSON in a session that the caller sees as `view`."""
    return PushMessageOut(
        msg_id=str(entry.message_id),
        seq_id=entry.seq,
        session_id=entry.conversation_id,
        from_username=entry.sender,
        to_username=_recipient(entry, view),
        content=entry.content,
        type=kind_name(entry.kind),
        timestamp=entry.created_at // 1000,
    )


def _recipient(entry: Entry, view: ConversationView) -> str:
    if view.peer is None:
        return ""
    return view.peer.id if entry.sender == view.member.user_id else view.member.user_id


def session_out(view: ConversationView) -> SessionInfoOut:
    """Return a session's JSON. A single one is called and looks like the other member."""
    conversation, peer = view.conversation, view.peer
    return SessionInfoOut(
        session_id=conversation.id,
        name=peer.nickname or peer.id if peer else conversation.name,
        type=SINGLE if conversation.kind is ConversationKind.SINGLE else GROUP,
        avatar_url=peer.avatar if peer else conversation.avatar,
        unread_count=view.unread,
        last_read_seq=view.member.read_seq,
        last_message=push_message_out(view.last_entry, view) if view.last_entry else None,
    )


def contact_out(user: User) -> ContactOut:
    """Return a user's JSON."""
    return ContactOut(username=user.id, nickname=user.nickname, avatar_url=user.avatar)
