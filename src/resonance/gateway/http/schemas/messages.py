"""Messages, pointers and the inbox as JSON."""

from __future__ import annotations

from pydantic import AliasChoices, Field

from resonance.domain.content import Kind, parse_kind
from resonance.domain.errors import Code, ServiceError, invalid
from resonance.domain.ids import check_client_key
from resonance.domain.model import (
    Caller,
    Entry,
    EntryPage,
    InboxItem,
    InboxPage,
    Reader,
    ReadState,
    SendAnswer,
    SendItem,
)
from resonance.gateway.http.schemas.fields import Body, Seq

NUMBERED_KINDS = {1: Kind.TEXT, 2: Kind.IMAGE, 3: Kind.FILE, 5: Kind.AUDIO, 6: Kind.VIDEO}
"""Message types as GoChat's clients number them; its 4, system, is not for clients."""

# ---------------------------------------------------------------- requests


class ConversationSendBody(Body):
    """A message to a conversation."""

    type: str | int = Field("text", validation_alias=AliasChoices("type", "message_type"))
    """text, image, video, audio, file or custom; as a number (`message_type`): 1 text, 2 image, 3 file, 5 audio,
    6 video.
    """
    content: str
    """The text; for other types a URL or a document as text."""
    extra: str = ""
    """A JSON object as text, carried along untouched."""
    client_msg_id: str = ""
    """The client's key: sending the same message under the same key again is safe, and answers the first ack."""


class SendBody(ConversationSendBody):
    """A message to a conversation, or to somebody there may be no conversation with yet."""

    conversation_id: str = ""
    to_user: str = Field("", validation_alias=AliasChoices("to_user", "to_username"))


class ReadBody(Body):
    """Up to where the caller has read; 0 means the end."""

    seq: Seq = Field(0, validation_alias=AliasChoices("seq", "seq_id"))


class ConversationIdsBody(Body):
    """Which conversations it is about."""

    conversation_ids: list[str] = Field(max_length=500)


# ---------------------------------------------------------------- answers


class SentOut(Body):
    """A message that is stored for good."""

    message_id: str
    conversation_id: str
    seq: int
    ordinal: int
    client_msg_id: str
    created_at: int


class MessageOut(Body):
    """One entry of a conversation: a message, or a system entry (type `system`)."""

    message_id: str
    conversation_id: str
    seq: int
    sender_id: str
    type: str
    content: str
    extra: str
    client_msg_id: str
    ordinal: int
    """How many countable messages there are up to this one: what unread is counted with."""
    created_at: int


class MessagesOut(Body):
    """Messages in ascending seq, and the range of seqs that the caller may see (end below begin: none)."""

    conversation_id: str
    messages: list[MessageOut]
    begin: int
    end: int


class ReadOut(Body):
    """Where the caller's pointer stands."""

    conversation_id: str
    read_seq: int
    visible_seq: int
    unread_count: int


class ReaderOut(Body):
    """Who has read up to where."""

    user_id: str
    read_seq: int


class ReadersOut(Body):
    """Up to 500 members who have read up to the seq asked for."""

    readers: list[ReaderOut]


class HeadsOut(Body):
    """The last visible seq of each conversation that the caller knows."""

    heads: dict[str, int]


class InboxItemOut(Body):
    """One row of the inbox."""

    position: int
    message: MessageOut


class InboxOut(Body):
    """Rows after the cursor, ascending; hand `cursor` in next."""

    items: list[InboxItemOut]
    cursor: int
    more: bool


# ---------------------------------------------------------------- from and to the domain


def send_item(caller: Caller, body: SendBody, server_key: str, trace: str) -> SendItem:
    """Return the message that a body means.

    Args:
        server_key: the key for a message whose client gave none.

    Raises:
        ServiceError: INVALID_ARGUMENT, RESERVED_KEY.
    """
    if not body.conversation_id and not body.to_user:
        raise invalid("conversation_id", "conversation_id or to_user has to say where the message goes")
    return SendItem(
        ref=0,
        connection=0,
        sender=caller.user_id,
        client_msg_id=check_client_key(body.client_msg_id) if body.client_msg_id else server_key,
        conversation_id=body.conversation_id,
        to_user=body.to_user,
        kind=_kind(body.type),
        content=body.content,
        extra=body.extra,
        trace=trace,
    )


def _kind(value: str | int) -> Kind:
    if isinstance(value, str):
        return parse_kind(value)
    kind = NUMBERED_KINDS.get(value)
    if kind is None:
        allowed = ", ".join(f"{number} {kind.name.lower()}" for number, kind in NUMBERED_KINDS.items())
        raise invalid("type", f"{value} is not a message type: {allowed} are allowed")
    return kind


def sent_out(answer: SendAnswer) -> SentOut:
    """Return an ack's JSON, or raise the refusal that the answer holds."""
    if answer.code:
        raise ServiceError(Code.of(answer.code), answer.error)
    return SentOut(
        message_id=str(answer.message_id),
        conversation_id=answer.conversation_id,
        seq=answer.seq,
        ordinal=answer.ordinal,
        client_msg_id=answer.client_msg_id,
        created_at=answer.created_at,
    )


def kind_name(kind: int) -> str:
    """Return a kind's name in every door's JSON."""
    return Kind(kind).name.lower()


def message_out(entry: Entry) -> MessageOut:
    """Return an entry's JSON."""
    return MessageOut(
        message_id=str(entry.message_id),
        conversation_id=entry.conversation_id,
        seq=entry.seq,
        sender_id=entry.sender,
        type=kind_name(entry.kind),
        content=entry.content,
        extra=entry.extra,
        client_msg_id=entry.client_msg_id,
        ordinal=entry.ordinal,
        created_at=entry.created_at,
    )


def messages_out(conversation_id: str, page: EntryPage) -> MessagesOut:
    """Return a page's JSON."""
    return MessagesOut(
        conversation_id=conversation_id,
        messages=[message_out(entry) for entry in page.entries],
        begin=page.begin,
        end=page.end,
    )


def read_out(state: ReadState) -> ReadOut:
    """Return a pointer's JSON."""
    return ReadOut(
        conversation_id=state.conversation_id,
        read_seq=state.read_seq,
        visible_seq=state.visible_seq,
        unread_count=state.unread,
    )


def readers_out(readers: list[Reader]) -> ReadersOut:
    """Return readers' JSON."""
    return ReadersOut(readers=[ReaderOut(user_id=reader.user_id, read_seq=reader.read_seq) for reader in readers])


def inbox_out(page: InboxPage) -> InboxOut:
    """Return a page of the inbox."""
    return InboxOut(items=[_inbox_item_out(item) for item in page.items], cursor=page.cursor, more=page.more)


def _inbox_item_out(item: InboxItem) -> InboxItemOut:
    return InboxItemOut(position=item.position, message=message_out(item.entry))
