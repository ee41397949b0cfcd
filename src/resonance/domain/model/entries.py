"""Entries and messages: the values of the hot path, and what readers are given."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from resonance.domain.ids import ConversationId, UserId


class Entry(NamedTuple):
    """One place in a conversation's log: a message or a system entry."""

    conversation_id: str
    seq: int
    message_id: int
    sender: str
    client_msg_id: str
    kind: int
    content: str
    extra: str
    ordinal: int
    created_at: int


class SendItem(NamedTuple):
    """A message on its way from a gateway to logic, sender proven, content not yet checked.

    Attributes:
        ref: the gateway's number for the item, rising, unique within its epoch: what the answer refers to.
        connection: the gateway's number of the connection it came from, 0 for none (HTTP).
        conversation_id: where to; "" when `to_user` says it (the first message to somebody).
        trace: the trace id that goes along every hop.
    """

    ref: int
    connection: int
    sender: str
    client_msg_id: str
    conversation_id: str
    to_user: str
    kind: int
    content: str
    extra: str
    trace: str


class SendAnswer(NamedTuple):
    """What became of a `SendItem`: `code` "" means stored (now, or under the same key before)."""

    ref: int
    connection: int
    message_id: int
    seq: int
    ordinal: int
    created_at: int
    conversation_id: str
    client_msg_id: str
    code: str
    error: str


def stored_entry(item: SendItem, answer: SendAnswer) -> Entry:
    """Return what is stored of an item that was not refused: one key is one body, so this holds for the first answer
    given again, too, whatever its sender may see of the conversation by now.
    """
    return Entry(
        answer.conversation_id,
        answer.seq,
        answer.message_id,
        item.sender,
        item.client_msg_id,
        item.kind,
        item.content,
        item.extra,
        answer.ordinal,
        answer.created_at,
    )


class Audience(NamedTuple):
    """A present member as delivery needs it: who, and which seqs they may see."""

    user_id: str
    min_seq: int
    max_seq: int | None
    recv_opt: int


class NewEntry(NamedTuple):
    """A message that logic has allowed, to be appended."""

    conversation_id: str
    version: int
    message_id: int
    sender: str
    client_msg_id: str
    body_hash: bytes
    kind: int
    content: str
    extra: str


class AppendStatus(IntEnum):
    """What became of one item of an append."""

    STORED = 0
    DUPLICATE = 1
    STALE = 2
    CONFLICT = 3


class Appended(NamedTuple):
    """The result for one item of an append, in the items' order.

    For STORED and DUPLICATE the ids are the stored message's own; for STALE and CONFLICT they are 0.
    """

    status: int
    message_id: int
    seq: int
    ordinal: int
    created_at: int


class AppendOutcome(NamedTuple):
    """What an append did: a result per item, and the outbox positions its events got (first 0 when none)."""

    results: list[Appended]
    first_position: int
    last_position: int


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Entries in ascending seq, clamped to the reader's window.

    Attributes:
        begin, end: the visible range of the whole conversation for this reader (end < begin: nothing visible).
    """

    entries: list[Entry]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class ReadState:
    """Where a member's read pointer stands after a mark_read; `moved` says whether this call moved it."""

    conversation_id: ConversationId
    read_seq: int
    visible_seq: int
    unread: int
    moved: bool


@dataclass(frozen=True, slots=True)
class Reader:
    """Who has read up to where."""

    user_id: UserId
    read_seq: int
