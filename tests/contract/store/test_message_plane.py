"""The suites about logs, pointers, sync, inboxes, the outbox and housekeeping, over every engine of `store`."""

from __future__ import annotations

from tests.contract.store.suite_append import AppendSuite
from tests.contract.store.suite_entries import EntriesSuite
from tests.contract.store.suite_inbox import InboxSuite
from tests.contract.store.suite_outbox import HouseSuite, OutboxSuite
from tests.contract.store.suite_sync import SyncSuite


class TestAppend(AppendSuite): ...


class TestEntries(EntriesSuite): ...


class TestInbox(InboxSuite): ...


class TestOutbox(OutboxSuite): ...


class TestHouse(HouseSuite): ...


class TestSync(SyncSuite): ...
