"""Short ways to say what a test of a store needs: people, groups, changes, messages, refusals, events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis.strategies import SearchStrategy

from resonance.domain.content import Kind, body_hash
from resonance.domain.errors import Code, ServiceError
from resonance.domain.events import Payload, decode
from resonance.domain.ids import UserId
from resonance.domain.model import (
    Appended,
    AppendStatus,
    Conversation,
    GroupChange,
    GroupSettings,
    Member,
    MemberChange,
    MemberOp,
    NewEntry,
    NewGroup,
    NewUser,
    Role,
    User,
)
from resonance.domain.windows import History
from resonance.ports.store import Store

P = TypeVar("P")
Examples = Callable[[int], int]
"""How many examples to try over the binding under test, from how many to try over the engine itself."""
NOTHING = GroupSettings()
_message_ids = count(1_000)


async def person(store: Store, user_id: str, nickname: str = "") -> User:
    """Create an ordinary account."""
    return await store.create_user(NewUser(UserId(user_id), nickname or user_id, "hash"))


async def people(store: Store, *user_ids: str) -> None:
    """Create ordinary accounts."""
    for user_id in user_ids:
        await person(store, user_id)


async def group(
    store: Store,
    creator: str,
    *members: str,
    group_id: str = "",
    history: History = History.SINCE_JOIN,
    max_members: int = 500,
) -> Conversation:
    """Create a group of people who exist."""
    message_id = next(_message_ids)
    new = NewGroup(
        "a group",
        group_id=group_id or f"g{message_id}",
        members=members,
        history=history,
        max_members=max_members,
    )
    return await store.create_group(creator, new, message_id, "created")


async def change(
    store: Store,
    before: Conversation,
    *parts: MemberChange,
    actor: str = "anna",
    settings: GroupSettings = NOTHING,
    dissolve: bool = False,
    owner: str = "",
    content: str = "changed",
) -> Conversation:
    """Change a group that is as `before`, with a system entry; the action is the first part's."""
    wish = GroupChange(
        before.id,
        before.version,
        UserId(actor),
        parts[0].op.value if parts else "updated",
        members=parts,
        settings=settings,
        message_id=next(_message_ids),
        content=content,
        dissolve=dissolve,
        owner=UserId(owner),
    )
    return await store.change_group(wish)


def join(user_id: str, role: Role = Role.MEMBER, inviter: str = "") -> MemberChange:
    """Somebody joins."""
    return MemberChange(UserId(user_id), MemberOp.JOIN, role=role, inviter=UserId(inviter))


def leave(user_id: str) -> MemberChange:
    """Somebody leaves."""
    return MemberChange(UserId(user_id), MemberOp.LEAVE)


def kick(user_id: str) -> MemberChange:
    """Somebody is removed."""
    return MemberChange(UserId(user_id), MemberOp.KICK)


def rank(user_id: str, role: Role) -> MemberChange:
    """Somebody's role changes."""
    return MemberChange(UserId(user_id), MemberOp.ROLE, role=role)


def mute(user_id: str, until: int) -> MemberChange:
    """Somebody is silenced until a time, or no longer (0)."""
    return MemberChange(UserId(user_id), MemberOp.MUTE, until=until)


async def say(store: Store, conversation_id: str, sender: str, text: str = "hello") -> Appended:
    """Append one message with the conversation's version of now."""
    version = (await state(store, conversation_id)).version
    message_id = next(_message_ids)
    hashed = body_hash(conversation_id, Kind.TEXT, text, "")
    entry = NewEntry(conversation_id, version, message_id, sender, f"k{message_id}", hashed, Kind.TEXT, text, "")
    [appended] = (await store.append([entry])).results
    assert appended.status == AppendStatus.STORED
    return appended


async def state(store: Store, conversation_id: str) -> Conversation:
    """Return a conversation as it is now, seen by nobody."""
    [found] = await store.states([conversation_id], [])
    return found.conversation


async def member(store: Store, conversation_id: str, user_id: str) -> Member:
    """Return somebody's row of a conversation."""
    [found] = await store.states([conversation_id], [user_id])
    return found.members[user_id]


async def seqs(store: Store, user_id: str, conversation_id: str) -> list[int]:
    """Return the seqs that somebody sees."""
    page = await store.read_entries(user_id, conversation_id, 0, 0, 10_000, False)
    return [entry.seq for entry in page.entries]


async def tick(store: Store) -> None:
    """Return when the store's clock has moved on, so that what follows is later than what was."""
    began = (await store.info()).now
    while (await store.info()).now == began:
        pass


async def head(store: Store) -> int:
    """Return the outbox's last position."""
    return (await store.outbox(0, 1, 0)).head


async def events(store: Store, since: int, kind: type[P]) -> list[P]:
    """Return the payloads of one kind that were written after a position."""
    found: list[Payload] = [decode(event) for event in (await store.outbox(since, 1_000, 0)).events]
    return [payload for payload in found if isinstance(payload, kind)]


@contextmanager
def refused(code: Code, mention: str = "") -> Iterator[None]:
    """Expect a refusal with this code, whose message mentions something."""
    with pytest.raises(ServiceError) as caught:
        yield
    assert caught.value.code is code
    assert mention in caught.value.message


async def for_all(
    examples: int, check: Callable[..., Coroutine[Any, Any, None]], **values: SearchStrategy[Any]
) -> None:
    """Check a property of any values. Hypothesis searches in a thread of its own; the checks run on this loop."""
    loop = asyncio.get_running_loop()

    @settings(max_examples=examples, deadline=None)
    @given(**values)
    def search(**drawn: object) -> None:
        asyncio.run_coroutine_threadsafe(check(**drawn), loop).result(60)

    await asyncio.to_thread(search)
