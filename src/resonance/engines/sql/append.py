"""Appending a batch: who gets which seq, and what is written for it. The statements' tuples, not the statements.

`plan` is pure and decides; an engine reads the heads (and keys), carries the plan out in its fastest way, and commits.
The port's docstring has the algorithm.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from resonance.domain.ids import worker_of
from resonance.domain.model import Appended, AppendStatus, ConversationKind, NewEntry

_STORED = int(AppendStatus.STORED)
_STALE = Appended(AppendStatus.STALE, 0, 0, 0, 0)
_CONFLICT = Appended(AppendStatus.CONFLICT, 0, 0, 0, 0)
_new = tuple.__new__


class Head:
    """Where a conversation's log ends, before and while a plan is made."""

    __slots__ = ("first_seq", "kind", "member_count", "ordinal", "seq", "version", "worker")

    def __init__(self, version: int, seq: int, ordinal: int, member_count: int, kind: int) -> None:
        self.version = version
        self.seq = seq
        self.ordinal = ordinal
        self.member_count = member_count
        self.kind = kind
        # The first seq that this batch gives; 0 while it gave none.
        self.first_seq = 0
        # Who made the message id of that entry.
        self.worker = 0


EntryRow = tuple[str, int, int, str, str, bytes, int, str, str, int, int]
"""A row of `entries`: its columns in the table's order."""


@dataclass(slots=True)
class Plan:
    """What to write for a batch, and what to answer.

    Attributes:
        rows: the entries, in arrival order.
        pointers: per (conversation, sender), the (seq, ordinal) of the sender's last message.
    """

    heads: dict[str, Head]
    results: list[Appended] = field(default_factory=list)
    rows: list[EntryRow] = field(default_factory=list)
    pointers: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)

    def advanced(self) -> list[tuple[str, Head]]:
        """Return the conversations that got entries, sorted."""
        return sorted((id_, head) for id_, head in self.heads.items() if head.first_seq)

    def open_ids(self) -> set[str]:
        """Return the conversations among these in which senders may have no row yet."""
        return {id_ for id_, head in self.heads.items() if head.kind == ConversationKind.OPEN}


def plan(items: Sequence[NewEntry], heads: dict[str, Head], now: int) -> Plan | None:
    """Plan a batch in which every item is new, or return None when an item's version is not the present one.

    Whether the keys are new is left to the unique index: a violation means `plan_carefully`.
    """
    made = Plan(heads)
    rows, results, pointers = made.rows.append, made.results.append, made.pointers
    for conversation_id, version, message_id, sender, client_msg_id, body_hash, kind, content, extra in items:
        head = heads.get(conversation_id)
        if head is None or head.version != version:
            return None
        head.seq = seq = head.seq + 1
        head.ordinal = ordinal = head.ordinal + 1
        if not head.first_seq:
            head.first_seq, head.worker = seq, worker_of(message_id)
        rows((conversation_id, seq, message_id, sender, client_msg_id, body_hash, kind, content, extra, ordinal, now))
        results(_new(Appended, (_STORED, message_id, seq, ordinal, now)))
        pointers[conversation_id, sender] = (seq, ordinal)
    return made


def plan_carefully(items: Sequence[NewEntry], heads: dict[str, Head], stored: Sequence[Appended], now: int) -> Plan:
    """Plan a batch whose keys were looked up.

    Args:
        stored: per item, what `Store.find_keys` answers; STALE for keys that are not stored.
    """
    made = Plan(heads)
    first: dict[tuple[str, str], tuple[bytes, Appended]] = {}
    for item, found in zip(items, stored, strict=True):
        result = found
        if found.status == AppendStatus.STALE:
            key = (item.sender, item.client_msg_id)
            if key in first:
                result = _repeated(item.body_hash, *first[key])
            else:
                result = _give_seq(made, item, now)
                if result.status == _STORED:
                    first[key] = (item.body_hash, result)
        made.results.append(result)
    return made


def _repeated(body_hash: bytes, first_hash: bytes, first: Appended) -> Appended:
    """Return the answer for an item whose key an earlier item of the batch has."""
    return first._replace(status=AppendStatus.DUPLICATE) if body_hash == first_hash else _CONFLICT


def _give_seq(made: Plan, item: NewEntry, now: int) -> Appended:
    """Put one new item into the plan, unless its conversation changed since rights were checked."""
    alone = plan([item], made.heads, now)
    if alone is None:
        return _STALE
    made.rows += alone.rows
    made.pointers |= alone.pointers
    return alone.results[0]


def appended_payload(conversation_id: str, head: Head) -> bytes:
    """Return `events.encode` of the conversation's `EntriesAppended`, made the quick way."""
    name = json.dumps(conversation_id, ensure_ascii=False)
    return (
        f'{{"conversation_id":{name},"first_seq":{head.first_seq},"last_seq":{head.seq},'
        f'"version":{head.version},"member_count":{head.member_count},"system":false,"worker":{head.worker}}}'
    ).encode()
