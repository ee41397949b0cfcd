"""Offline push: who without a connection is told that something was written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from resonance.config.engines import StoreConfig
from resonance.domain.model import MemberSettings, NewGroup, RecvOpt
from resonance.engines.sqlite.store import SqliteStore
from resonance.ports.push import Notification, OfflinePush
from resonance.task.audiences import Audiences
from resonance.task.processors.offline import OfflineNotifier
from tests.unit.logic.live import Live, caller, running


class Phone(OfflinePush):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def push(self, notifications: Sequence[Notification]) -> None:
        self.told += [notification.user_id for notification in notifications]


class Told:
    """Gives a notifier the outbox's events, and says whom it told."""

    def __init__(self, live: Live) -> None:
        self._store = live.store
        self._phone = Phone()
        self._notifier = OfflineNotifier(live.store, live.delivery, Audiences(live.store), self._phone)
        self._position = 0

    async def next(self) -> list[str]:
        """Process what is new and return who was told of it."""
        page = await self._store.outbox(self._position, 1_000, 0)
        self._position = page.head
        self._phone.told.clear()
        await self._notifier.process([event for event in page.events if event.kind in OfflineNotifier.kinds])
        return self._phone.told


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(tmp_path / "resonance.db", StoreConfig())
    await made.start()
    yield made
    made.close()
    await made.join()


async def test_whoever_silences_a_conversation_is_told_no_more(store: SqliteStore) -> None:
    async with running(store) as live:
        await live.people("ann", "bob", "cid")
        chat = (
            await live.conversations.create_group(caller("ann"), NewGroup("g", members=("bob", "cid")))
        ).conversation
        told = Told(live)
        await live.send("ann", chat.id)
        assert await told.next() == ["bob", "cid"]
        await live.conversations.set_member(caller("bob"), chat.id, MemberSettings(recv_opt=RecvOpt.NO_NOTIFY))
        await live.send("ann", chat.id)
        assert await told.next() == ["cid"]
