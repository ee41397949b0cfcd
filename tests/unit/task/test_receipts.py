"""Receipts on a real store: who is told that somebody has read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from resonance.config.engines import StoreConfig
from resonance.config.settings import Receipts
from resonance.domain.events import PointerMoved
from resonance.domain.model import Audience, Entry
from resonance.domain.signals import Receipt
from resonance.engines.sqlite.store import SqliteStore
from resonance.ports.store import Store
from resonance.services.delivery import Delivery, SignalTo
from resonance.task.processor import Processor
from resonance.task.processors.receipts import GroupReceipts, SingleReceipts
from tests.contract.store.making import change, group, head, kick, people, say, state


class Told(Delivery):
    """Writes down who is told what."""

    def __init__(self) -> None:
        self.receipts: list[tuple[Receipt, list[str]]] = []

    async def deliver_entries(self, entries: Sequence[Entry], audience: Sequence[Audience]) -> None:
        raise AssertionError("receipts are signals")

    async def deliver_signals(self, signals: Sequence[SignalTo]) -> None:
        for signal in signals:
            assert isinstance(signal.signal, Receipt)
            self.receipts.append((signal.signal, signal.users))

    async def offline(self, user_ids: Sequence[str]) -> list[str]:
        raise AssertionError("receipts go to whoever is online")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = SqliteStore(tmp_path / "resonance.db", StoreConfig())
    await made.start()
    yield made
    made.close()
    await made.join()


async def receipts(store: Store, since: int, *processors: Processor, told: Told) -> list[tuple[Receipt, list[str]]]:
    """Let processors work off what was read since a position."""
    page = await store.outbox(since, 100, 0)
    for processor in processors:
        await processor.process([event for event in page.events if event.kind == PointerMoved.kind])
    return told.receipts


async def test_a_peer_is_told_unless_they_have_blocked_the_reader(store: Store) -> None:
    await people(store, "anna", "bert")
    chat = (await store.open_single("anna", "bert")).id
    await say(store, chat, "anna")
    for blocker, expected in (("", ["anna", "bert"]), ("bert", ["anna", "bert"]), ("anna", ["bert"])):
        if blocker:
            await store.set_blocked(blocker, "anna" if blocker == "bert" else "bert", True)
        since = await head(store)
        await say(store, chat, "anna")
        read = (await store.mark_read("bert", chat, 0)).read_seq
        told = Told()
        found = await receipts(store, since, SingleReceipts(store, told), told=told)
        assert found == [(Receipt(chat, "bert", read), expected)], blocker


async def test_senders_of_a_group_are_told_while_they_are_members(store: Store) -> None:
    await people(store, "anna", "bert", "carl", "dora")
    chat = (await group(store, "anna", "bert", "carl", "dora")).id
    for sender in ("dora", "bert", "carl"):
        await say(store, chat, sender)
    await change(store, await state(store, chat), kick("bert"))
    since = await head(store)
    read = (await store.mark_read("dora", chat, 0)).read_seq
    told = Told()
    processor = GroupReceipts(store, told, Receipts(group_limit=3))
    assert await receipts(store, since, processor, told=told) == [(Receipt(chat, "dora", read), ["carl"])]


async def test_a_group_over_the_limit_sends_none(store: Store) -> None:
    await people(store, "anna", "bert")
    chat = (await group(store, "anna", "bert")).id
    await say(store, chat, "anna")
    since = await head(store)
    await store.mark_read("bert", chat, 0)
    told = Told()
    assert await receipts(store, since, GroupReceipts(store, told, Receipts(group_limit=1)), told=told) == []
