"""Everybody's conversation has as many members as there are accounts; they are not counted for everybody who asks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from resonance.domain.ids import ConversationId, UserId
from resonance.domain.model import Conversation, ConversationKind, ConversationView, Member
from resonance.logic import census
from resonance.logic.census import Census


class Counted:
    """A store that is slow to count, as far as the test lets it."""

    def __init__(self) -> None:
        self.users = 3
        self.counts = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def count_users(self) -> int:
        self.counts += 1
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.users


def view(kind: ConversationKind) -> ConversationView:
    conversation = Conversation(ConversationId("c"), kind, member_count=2)
    return ConversationView(conversation, Member(conversation.id, UserId("ann")), None, 0, 0)


async def number(counting: Census) -> int:
    return (await counting.completed(view(ConversationKind.OPEN))).conversation.member_count


@pytest.fixture
def store() -> Counted:
    return Counted()


@pytest.fixture
def counting(store: Any) -> Census:
    return Census(store)


async def test_others_have_a_number_of_their_own(store: Counted, counting: Census) -> None:
    group, world = await counting.complete([view(ConversationKind.GROUP), view(ConversationKind.OPEN)])
    assert (group.conversation.member_count, world.conversation.member_count) == (2, 3)
    assert store.counts == 1


async def test_a_count_is_for_all_who_ask(store: Counted, counting: Census) -> None:
    store.gate.clear()
    asking = [asyncio.create_task(number(counting)) for _ in range(5)]
    await asyncio.sleep(0)
    store.gate.set()
    assert await asyncio.gather(*asking) == [3] * 5
    store.users = 4
    assert await number(counting) == 3
    assert store.counts == 1


async def test_an_old_count_is_made_anew(store: Counted, counting: Census, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census, "FRESH_S", 0)
    monkeypatch.setattr(census, "REST", 0)
    assert await number(counting) == 3
    store.users = 4
    assert await number(counting) == 4


async def test_a_failure_is_no_count(store: Counted, counting: Census) -> None:
    store.error = RuntimeError("away")
    with pytest.raises(RuntimeError):
        await number(counting)
    store.error = None
    assert await number(counting) == 3
