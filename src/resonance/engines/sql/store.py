"""The store's commands over any relational engine: which module has each, and whether it reads or writes.

An engine brings the transactions (`_read`, `_write`) and what it does in a way of its own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from resonance.domain.events import Event
from resonance.domain.model import (
    Appended,
    Audience,
    Conversation,
    ConversationPage,
    ConversationState,
    ConversationView,
    Credentials,
    Device,
    DeviceState,
    Entry,
    EntryPage,
    Friend,
    FriendRequest,
    GroupChange,
    InboxPage,
    JoinRequest,
    MemberPage,
    MemberSettings,
    NewGroup,
    NewUser,
    Reader,
    ReadState,
    RequestStatus,
    SyncPage,
    User,
    UserChanges,
    UserStatus,
)
from resonance.engines.sql import (
    accounts,
    conversations,
    devices,
    entries,
    friends,
    groups,
    house,
    inbox,
    outbox,
    sync,
    tables,
)
from resonance.engines.sql.lists import chunks
from resonance.engines.sql.tables import Table, Values
from resonance.engines.sql.tx import Tx
from resonance.observe import metrics
from resonance.ports.store import (
    DeadLetter,
    FriendEdge,
    Key,
    NewDevice,
    OpenedDevice,
    OutboxPage,
    Relation,
    Rotation,
    Store,
    StoreInfo,
)

P = ParamSpec("P")
T = TypeVar("T")
Command = Callable[Concatenate[Tx, P], Coroutine[Any, Any, T]]
"""A command over a transaction, with the store method's own parameters after it."""


SLICE = 100
"""Rows that background work touches in one transaction: well below 2 ms."""


class SqlStore(Store):
    """Every command that is the same in all engines. The port documents them.

    Lifecycle: `start`, `close` (stop accepting), `join` (drain), `terminate` (drop what waits).
    """

    @abstractmethod
    async def start(self) -> None:
        """Bring the tables up to date and begin to serve. Raises ServiceError STORAGE_UNAVAILABLE."""

    @abstractmethod
    def close(self) -> None:
        """Stop accepting commands; those under way go on."""

    @abstractmethod
    async def join(self) -> None:
        """Wait until everything accepted is done. Call `close` before."""

    @abstractmethod
    def terminate(self) -> None:
        """Drop what waits. `join` still has to be awaited."""

    @abstractmethod
    async def _read(self, command: Command[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a command in one snapshot of what is committed; it must not write."""

    @abstractmethod
    async def _write(self, command: Command[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a command in a transaction that is durable when this returns."""

    @abstractmethod
    async def _write_later(self, command: Command[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for background work, behind whatever somebody waits for."""

    @property
    @abstractmethod
    def _tombstones_ms(self) -> int:
        """How long deletions are remembered."""

    @abstractmethod
    async def _grown(self, position: int, timeout_s: float) -> bool:
        """Wait until the outbox has an event after `position`; return whether it has one."""

    @abstractmethod
    async def continue_after(self, position: int) -> None:
        """Give later events positions above this one, whoever wrote the events up to it."""

    # ------------------------------------------------------------ whole tables: see `moving`

    async def table_rows(self, table: Table, after: Values, limit: int) -> list[Values]:
        """Return rows of a table behind a key, in the order of keys."""
        return await self._read(tables.rows, table, after, limit)

    async def last_key(self, table: Table) -> Values:
        """Return the highest key of a table; an empty one when it has no rows."""
        return await self._read(tables.last_key, table)

    async def count_rows(self, table: Table) -> int:
        """Return how many rows a table has."""
        return await self._read(tables.count, table)

    async def add_rows(self, table: Table, rows: Sequence[Values]) -> None:
        """Write rows as they are."""
        await self._write(tables.add, table, rows)

    async def begin_move(self, source_epoch: str, all_tables: Sequence[Table]) -> None:
        """Mark this store as one that is being moved to. Raises ServiceError INVALID_ARGUMENT when it is not empty."""
        await self._write(tables.begin_move, source_epoch, all_tables)

    async def end_move(self, source_epoch: str) -> None:
        """Make this store the one that it was moved from."""
        await self._write(tables.end_move, source_epoch)

    # ------------------------------------------------------------ identity

    async def info(self) -> StoreInfo:
        return await self._read(house.info)

    async def lease_worker(self, owner: str, ttl_ms: int) -> int:
        return await self._write(house.lease_worker, owner, ttl_ms)

    async def lease(self, name: str, owner: str, ttl_ms: int) -> bool:
        return await self._write(house.lease, name, owner, ttl_ms)

    async def create_user(self, user: NewUser) -> User:
        return await self._write(accounts.create_user, user)

    async def create_invitation(self, creator: str, uses: int, expires_at: int) -> str:
        return await self._write(accounts.create_invitation, creator, uses, expires_at)

    async def users(self, user_ids: Sequence[str]) -> list[User]:
        return await self._read(accounts.users, user_ids)

    async def credentials(self, user_id: str) -> Credentials | None:
        return await self._read(accounts.credentials, user_id)

    async def search_users(self, query: str, limit: int) -> list[User]:
        return await self._read(accounts.search_users, query, limit)

    async def count_users(self) -> int:
        return await self._read(accounts.count_users)

    async def list_users(self, after: str, limit: int) -> list[User]:
        return await self._read(accounts.list_users, after, limit)

    async def update_user(self, user_id: str, changes: UserChanges) -> User:
        return await self._write(accounts.update_user, user_id, changes)

    async def set_password(self, user_id: str, password_hash: str, keep_device: str) -> list[Device]:
        return await self._write(accounts.set_password, user_id, password_hash, keep_device)

    async def upgrade_hash(self, user_id: str, old_hash: str, new_hash: str) -> None:
        await self._write(accounts.upgrade_hash, user_id, old_hash, new_hash)

    async def set_user_status(self, user_id: str, status: UserStatus) -> list[Device]:
        return await self._write(accounts.set_user_status, user_id, status)

    async def open_device(self, device: NewDevice) -> OpenedDevice:
        return await self._write(devices.open_device, device)

    async def rotate_refresh(
        self, device_id: str, presented: str, replacement: str, expires_at: int, grace_ms: int
    ) -> Rotation:
        return await self._write(devices.rotate_refresh, device_id, presented, replacement, expires_at, grace_ms)

    async def devices(self, user_id: str) -> list[Device]:
        return await self._read(devices.devices, user_id)

    async def device_states(self, device_ids: Sequence[str]) -> dict[str, str]:
        return await self._read(devices.device_states, device_ids)

    async def close_devices(self, user_id: str, device_ids: Sequence[str], state: DeviceState) -> list[Device]:
        return await self._write(devices.close_devices, user_id, device_ids, state)

    async def relation(self, user_id: str, other: str) -> Relation:
        return await self._read(friends.relation, user_id, other)

    async def request_friend(self, sender: str, recipient: str, message: str, instant: bool) -> RequestStatus:
        return await self._write(friends.request_friend, sender, recipient, message, instant)

    async def decide_friend(self, user_id: str, sender: str, accept: bool) -> None:
        return await self._write(friends.decide_friend, user_id, sender, accept)

    async def remove_friend(self, user_id: str, friend_id: str) -> None:
        return await self._write(friends.remove_friend, user_id, friend_id)

    async def set_remark(self, user_id: str, friend_id: str, remark: str) -> None:
        return await self._write(friends.set_remark, user_id, friend_id, remark)

    async def set_blocked(self, user_id: str, other: str, blocked: bool) -> None:
        return await self._write(friends.set_blocked, user_id, other, blocked)

    async def friends(self, user_id: str, after: str, limit: int) -> list[Friend]:
        return await self._read(friends.friends, user_id, after, limit)

    async def blocked(self, user_id: str) -> list[Friend]:
        return await self._read(friends.blocked, user_id)

    async def friend_requests(self, user_id: str, received: bool, limit: int) -> list[FriendRequest]:
        return await self._read(friends.friend_requests, user_id, received, limit)

    async def friend_edges(self, user_ids: Sequence[str]) -> list[FriendEdge]:
        return await self._read(friends.friend_edges, user_ids)

    async def open_single(self, user_id: str, peer: str) -> Conversation:
        return await self._write(conversations.open_single, user_id, peer)

    async def create_group(self, creator: str, group: NewGroup, message_id: int, content: str) -> Conversation:
        return await self._write(groups.create_group, creator, group, message_id, content)

    async def ensure_open(self, conversation_id: str, name: str) -> Conversation:
        return await self._write(conversations.ensure_open, conversation_id, name)

    async def enter_open(self, user_id: str, conversation_id: str) -> None:
        await self._write(conversations.enter_open, user_id, conversation_id)

    async def states(self, conversation_ids: Sequence[str], user_ids: Sequence[str]) -> list[ConversationState]:
        return await self._read(conversations.states, conversation_ids, user_ids)

    async def change_group(self, change: GroupChange) -> Conversation:
        return await self._write(groups.change_group, change)

    async def request_join(self, conversation_id: str, user_id: str, message: str) -> None:
        return await self._write(groups.request_join, conversation_id, user_id, message)

    async def reject_join(self, conversation_id: str, user_id: str) -> None:
        return await self._write(groups.reject_join, conversation_id, user_id)

    async def join_requests(self, conversation_id: str) -> list[JoinRequest]:
        return await self._read(groups.join_requests, conversation_id)

    async def members(self, conversation_id: str, cursor: str, limit: int) -> MemberPage:
        return await self._read(groups.members, conversation_id, cursor, limit)

    async def audience(self, conversation_id: str, after: str, limit: int) -> list[Audience]:
        return await self._read(entries.audience, conversation_id, after, limit)

    async def set_member(self, user_id: str, conversation_id: str, changes: MemberSettings) -> ConversationView:
        return await self._write(conversations.set_member, user_id, conversation_id, changes)

    async def conversation(self, user_id: str, conversation_id: str) -> ConversationView:
        return await self._read(conversations.conversation, user_id, conversation_id)

    async def conversations(self, user_id: str, cursor: str, limit: int, with_last: bool) -> ConversationPage:
        return await self._read(conversations.conversations, user_id, cursor, limit, with_last)

    # ------------------------------------------------------------ messages

    async def find_keys(self, keys: Sequence[Key]) -> list[Appended]:
        return await self._read(entries.find_keys, keys)

    async def read_entries(
        self, user_id: str, conversation_id: str, begin: int, end: int, limit: int, newest: bool
    ) -> EntryPage:
        return await self._read(entries.read_entries, user_id, conversation_id, begin, end, limit, newest)

    async def pick_entries(self, user_id: str, conversation_id: str, seqs: Sequence[int]) -> EntryPage:
        return await self._read(entries.pick_entries, user_id, conversation_id, seqs)

    async def entries(self, conversation_id: str, begin: int, end: int) -> list[Entry]:
        return await self._read(entries.entries, conversation_id, begin, end)

    async def entry(self, message_id: int) -> Entry | None:
        return await self._read(entries.entry, message_id)

    async def entries_by_key(self, client_msg_id: str, sender: str, limit: int) -> list[Entry]:
        return await self._read(entries.entries_by_key, client_msg_id, sender, limit)

    async def heads(self, user_id: str, conversation_ids: Sequence[str]) -> dict[str, int]:
        return await self._read(entries.heads, user_id, conversation_ids)

    async def mark_read(self, user_id: str, conversation_id: str, seq: int) -> ReadState:
        return await self._write(entries.mark_read, user_id, conversation_id, seq)

    async def readers(self, conversation_id: str, seq: int, limit: int) -> list[Reader]:
        return await self._read(entries.readers, conversation_id, seq, limit)

    async def read_inbox(self, user_id: str, cursor: int, limit: int) -> InboxPage:
        inbox.check_cursor(cursor)
        await self.fill_inbox([user_id], limit + 1)
        return await self._read(inbox.read_inbox, user_id, cursor, limit)

    async def sync(self, user_id: str, token: str, limit: int) -> SyncPage:
        return await self._read(sync.sync, user_id, token, limit, self._tombstones_ms)

    async def fill_inbox(self, user_ids: Sequence[str], limit: int) -> None:
        for user_id in user_ids:
            for part in chunks(await self._read(inbox.missing, user_id, limit), SLICE):
                await self._write(inbox.insert, user_id, part)

    async def outbox(self, after: int, limit: int, wait_ms: int, kinds: Sequence[str] = ()) -> OutboxPage:
        page = await self._read(outbox.outbox, after, limit, kinds)
        if page.end > after or not wait_ms or not await self._grown(after, wait_ms / 1000):
            return page
        return await self._read(outbox.outbox, after, limit, kinds)

    async def consumer_position(self, consumer: str) -> int:
        return await self._read(outbox.consumer_position, consumer)

    async def commit_position(self, consumer: str, position: int) -> None:
        await self._write_later(outbox.commit_position, consumer, position)

    async def forget_consumer(self, consumer: str) -> None:
        await self._write(outbox.forget_consumer, consumer)

    async def park(self, consumer: str, event: Event, error: str, attempts: int) -> None:
        return await self._write(outbox.park, consumer, event, error, attempts)

    async def parked(self, consumer: str, limit: int, after: int = 0) -> list[DeadLetter]:
        return await self._read(outbox.parked, consumer, limit, after)

    async def unpark(self, consumer: str, position: int) -> None:
        return await self._write(outbox.unpark, consumer, position)

    # ------------------------------------------------------------ housekeeping, in slices

    async def touch_last_seen(self, user_ids: Sequence[str], at: int) -> None:
        for part in chunks(user_ids, SLICE):
            await self._write_later(house.touch_last_seen, part, at)

    async def prune(self, keep_events: int, tombstones_before: int, limit: int) -> int:
        old = await self._read(house.find_old, keep_events, tombstones_before, limit)
        deleted = 0
        for first in range(old.first_event, old.last_event + 1, SLICE):
            last = min(first + SLICE - 1, old.last_event)
            deleted += await self._write_later(house.delete_events, first, last)
        for part in chunks(old.devices, SLICE):
            deleted += await self._write_later(house.delete_devices, part, tombstones_before)
        for pairs in chunks(old.friends, SLICE):
            deleted += await self._write_later(house.delete_friends, pairs, tombstones_before)
        metrics.repo_pruned.inc(deleted)
        return deleted
