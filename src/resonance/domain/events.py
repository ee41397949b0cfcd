"""Events: facts that a store writes to the outbox in the transaction of the state they describe.

Derived work (fan-out to large groups, receipts, signals, offline push, inbox) is made from them, at least once, in
order per key. The payload is JSON of the event's fields.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

from resonance.domain.model import SMALL_CONVERSATION


class Event(NamedTuple):
    """An event as the bus delivers it.

    Attributes:
        position: rises with the order of commits; unique in the store's epoch.
        key: what the order is kept for: a conversation id or a user id.
        kind: which class of this module the payload is of.
        payload: JSON (UTF-8).
        created_at: ms.
    """

    position: int
    key: str
    kind: str
    payload: bytes
    created_at: int


@dataclass(frozen=True, slots=True)
class EntriesAppended:
    """Entries first_seq … last_seq were committed to a conversation of this version (key: the conversation).

    Attributes:
        member_count: 0 in an open conversation, whose members nobody counts.
        system: whether these are system entries, which come with a change of the group and not by the pipeline.
        worker: who gave the entries their message ids (`ids.worker_of`), and pushes them; -1 when nobody is known.
    """

    kind: ClassVar[str] = "entries"
    conversation_id: str
    first_seq: int
    last_seq: int
    version: int
    member_count: int
    system: bool = False
    worker: int = -1

    @property
    def is_large(self) -> bool:
        """Whether the members are too many for logic to push to by itself."""
        return not 0 < self.member_count <= SMALL_CONVERSATION

    @property
    def by_task(self) -> bool:
        """Whether task pushes these entries, and not logic."""
        return self.system or self.is_large


@dataclass(frozen=True, slots=True)
class PointerMoved:
    """A member's read pointer moved by a mark_read, not by a send (key: the conversation)."""

    kind: ClassVar[str] = "read"
    conversation_id: str
    user_id: str
    from_seq: int
    read_seq: int


@dataclass(frozen=True, slots=True)
class ConversationUpdated:
    """Members, settings or status of a conversation changed (key: the conversation).

    `left` are users who are members no more but have to be told.
    """

    kind: ClassVar[str] = "conversation"
    conversation_id: str
    action: str
    actor: str
    user_ids: tuple[str, ...]
    version: int
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MemberSettingsChanged:
    """A member changed its own settings of a conversation (key: the conversation, whose later entries heed them)."""

    kind: ClassVar[str] = "settings"
    conversation_id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class JoinRequested:
    """Somebody asks to join a group (key: the conversation)."""

    kind: ClassVar[str] = "join_request"
    conversation_id: str
    user_id: str
    message: str


@dataclass(frozen=True, slots=True)
class FriendsUpdated:
    """Something between two people changed; `notify` are those to be told (key: the actor).

    `action` is requested, accepted, rejected, removed, blocked, unblocked or remark.
    """

    kind: ClassVar[str] = "friends"
    actor: str
    other: str
    action: str
    message: str
    notify: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UserUpdated:
    """A profile changed (key: the user)."""

    kind: ClassVar[str] = "user"
    user_id: str


Payload = (
    EntriesAppended
    | PointerMoved
    | ConversationUpdated
    | MemberSettingsChanged
    | JoinRequested
    | FriendsUpdated
    | UserUpdated
)

_KINDS: dict[str, type[Payload]] = {
    cls.kind: cls
    for cls in (
        EntriesAppended,
        PointerMoved,
        ConversationUpdated,
        MemberSettingsChanged,
        JoinRequested,
        FriendsUpdated,
        UserUpdated,
    )
}


def encode(payload: Payload) -> bytes:
    """Return a payload as the JSON that is stored."""
    return json.dumps(asdict(payload), ensure_ascii=False, separators=(",", ":")).encode()


def decode(event: Event) -> Payload:
    """Return an event's payload.

    Raises:
        ValueError: an unknown kind, or a payload that is not of this kind.
    """
    try:
        return _decode(event.kind, event.payload)
    except ValueError as exc:
        raise ValueError(f"event {event.position}: {exc}") from exc


@lru_cache(maxsize=2048)
def _decode(kind: str, payload: bytes) -> Payload:
    """Decode once what several processors and the sweep look at, one after the other."""
    cls = _KINDS.get(kind)
    if cls is None:
        raise ValueError(f"unknown event kind {kind!r}")
    fields = json.loads(payload)
    for name, value in fields.items():
        if isinstance(value, list):
            fields[name] = tuple(value)
    try:
        return cls(**fields)
    except TypeError as exc:
        raise ValueError(f"the payload is no {kind}: {exc}") from exc
