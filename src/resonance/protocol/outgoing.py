"""A client's sends on their way: in order, within the server's window, again after a loss. Sans-I/O."""

from __future__ import annotations

import random
from collections.abc import Iterator

from resonance.domain.content import parse_kind
from resonance.domain.model import Entry
from resonance.protocol.backoff import Backoff
from resonance.protocol.commands import Acked, Chat

MAX_ATTEMPTS = 8
"""How often a message is tried that is refused with a retryable code, before the refusal stands."""


class Outgoing:
    """Messages that are not settled yet, in the order they were made.

    A retryable refusal holds back everything that is not on its way yet, so that a server in need is left alone; what
    was on its way already is refused by the server, too, until the first one comes again (docs/delivery.md).
    """

    def __init__(self, rng: random.Random) -> None:
        # By key, in the order they were made; those in _flying await an answer of the present connection.
        self._chats: dict[str, Chat] = {}
        self._flying: set[str] = set()
        self._refusals: dict[str, int] = {}
        # How many may await an answer at a time; the server says so in Ready.
        self._window = 1
        self._hold = Backoff(rng)

    @property
    def keys(self) -> list[str]:
        """The keys of all unsettled messages."""
        return list(self._chats)

    @property
    def due(self) -> float | None:
        """When `take` has something to give; None while answers have to come first."""
        return self._hold.until if len(self._flying) < min(self._window, len(self._chats)) else None

    def add(self, chat: Chat) -> None:
        """Queue a message under its `client_msg_id`."""
        self._chats[chat.client_msg_id] = chat

    def forget(self, key: str) -> None:
        """Drop a message."""
        self._chats.pop(key, None)
        self._flying.discard(key)
        self._refusals.pop(key, None)

    def restart(self, window: int) -> None:
        """Begin on a new connection: everything unsettled is to be sent again."""
        self._flying.clear()
        self._window = max(1, window)

    def take(self, now: float) -> Iterator[Chat]:
        """Yield what is to be sent now."""
        due = self.due
        if due is None or now < due:
            return
        for key, chat in self._chats.items():
            if len(self._flying) >= self._window:
                break
            if key not in self._flying:
                self._flying.add(key)
                yield chat

    def answered(self, ack: Acked, now: float) -> Chat | None:
        """Return the message that the answer settles; None for an unknown one, or one to be tried again."""
        key = ack.ref_seq or ack.client_msg_id
        chat = self._chats.get(key)
        if chat is None:
            return None
        refusals = self._refusals.get(key, 0) + 1
        if ack.code and ack.retry and refusals < MAX_ATTEMPTS:
            self._refusals[key] = refusals
            self._flying.discard(key)
            self._hold.failed(now)
            return None
        if not ack.code:
            self._hold.succeeded()
        self.forget(key)
        return chat


def entry_of(sender: str, chat: Chat, ack: Acked) -> Entry:
    """Return the entry that an acked message has become."""
    return Entry(
        conversation_id=ack.conversation_id,
        seq=ack.seq,
        message_id=ack.message_id,
        sender=sender,
        client_msg_id=chat.client_msg_id,
        kind=parse_kind(chat.kind),
        content=chat.content,
        extra=chat.extra,
        ordinal=ack.ordinal,
        created_at=ack.created_at,
    )
