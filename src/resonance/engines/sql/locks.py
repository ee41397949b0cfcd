"""What commands lock first, in engines whose transactions overlap.

Commands that meet others on the same rows all the time are here; the rest, which meet rarely, are serialised by the
server and tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from resonance.engines.sql import conversations, entries, groups, house
from resonance.engines.sql.tx import Tx

Lock = Callable[[Tx], Coroutine[Any, Any, None]]

_CONVERSATION = "SELECT id FROM conversations WHERE id = :id FOR UPDATE"
_MEMBER = "SELECT user_id FROM members WHERE conversation_id = :id AND user_id = :user_id FOR UPDATE"
_LEASES = "SELECT name FROM meta WHERE name = 'epoch' FOR UPDATE"
"""A row that always is there stands for the tables of leases: whoever has it may give one out."""


def _conversation(at: Callable[..., str]) -> Callable[..., Lock]:
    """Return what locks the conversation that a command's arguments name."""

    def of(*args: Any) -> Lock:
        async def lock(tx: Tx) -> None:
            await tx.one(_CONVERSATION, id=at(*args))

        return lock

    return of


def _own_member(user_id: str, conversation_id: str, *_: Any) -> Lock:
    async def lock(tx: Tx) -> None:
        await tx.one(_MEMBER, id=conversation_id, user_id=user_id)

    return lock


def _leases(*_: Any) -> Lock:
    async def lock(tx: Tx) -> None:
        await tx.one(_LEASES)

    return lock


_LOCKS: dict[Callable[..., Any], Callable[..., Lock]] = {
    groups.change_group: _conversation(lambda change: change.conversation_id),
    groups.request_join: _conversation(lambda conversation_id, *_: conversation_id),
    groups.reject_join: _conversation(lambda conversation_id, *_: conversation_id),
    conversations.set_member: _own_member,
    entries.mark_read: _own_member,
    house.lease_worker: _leases,
    house.lease: _leases,
}


def lock_of(command: Callable[..., Any], *args: Any, **kwargs: Any) -> Lock | None:
    """Return what locks the rows that a command depends on; None for one that has to be serialised."""
    of = _LOCKS.get(command)
    return None if of is None else of(*args, **kwargs)
