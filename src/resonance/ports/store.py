"""The store: the truth, in one relational database.

Rules for every method:

* Each command is one transaction: all of it is durable when the call returns, or none of it happened. The events that
  it causes are written to the outbox in the same transaction.
* A call may be cancelled by its caller; the transaction then still runs to its end, unseen.
* Refusals are `ServiceError`s of the catalogue. STORAGE_UNAVAILABLE (retryable) means that nothing was written; a lost
  connection or a deadline leaves the outcome unknown, and the caller repeats only what carries a caller-made id.
* A single conversation does not exist for anybody but its two members: what others ask or do about it in
  their own name (read, set, mark, wish to join) answers CONVERSATION_NOT_FOUND.
* Time is the store's clock in ms and never runs backwards within one store.
* `updated_at` of every row is the time of the transaction that last changed it; no transaction lasts longer than
  `MAX_TRANSACTION_MS`, so a reader that asks for changes since T - MAX_TRANSACTION_MS misses none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from resonance.domain.events import Event
from resonance.domain.model import SMALL_CONVERSATION as SMALL_CONVERSATION
from resonance.domain.model import (
    Appended,
    AppendOutcome,
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
    NewEntry,
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

MAX_TRANSACTION_MS = 30_000
STALLED_TRANSACTION_MS = 5_000
"""A transaction whose process says nothing for so long is undone by the server, where it can (MySQL cannot): that
process stands still, and what it has locked holds up all others.
"""


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a store is: `epoch` changes when it is made or restored from a backup; `now` is its clock in ms."""

    epoch: str
    now: int


class Key(NamedTuple):
    """An idempotency key to look up, with the hash of the body it is used for now."""

    sender: str
    client_msg_id: str
    body_hash: bytes


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A login to be recorded. With `newest_wins` the user's other devices of this platform are kicked."""

    id: str
    user_id: str
    platform: int
    name: str
    refresh_id: str
    expires_at: int
    newest_wins: bool
    max_devices: int


@dataclass(frozen=True, slots=True)
class OpenedDevice:
    """A recorded login, and the devices it put an end to."""

    device: Device
    closed: list[Device]


@dataclass(frozen=True, slots=True)
class Rotation:
    """The outcome of a refresh: `accepted` False means the token was used before, and the device is now revoked."""

    accepted: bool
    device: Device


@dataclass(frozen=True, slots=True)
class Relation:
    """What stands between two people, seen from the first: friends, who blocked whom, an open request."""

    friends: bool
    blocked: bool
    blocked_by: bool
    requested: bool
    requested_by: bool


@dataclass(frozen=True, slots=True)
class FriendEdge:
    """Two users who are friends; used to tell many users' friends at once."""

    user_id: str
    friend_id: str


@dataclass(frozen=True, slots=True)
class OutboxPage:
    """Events after a position, in order, and the range the outbox still holds (`oldest` is head + 1 when empty).

    Attributes:
        end: up to where the page tells of every wanted event: where the next one begins.
    """

    events: list[Event]
    oldest: int
    head: int
    end: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a consumer could not process, with why; its key's later events wait behind it."""

    consumer: str
    event: Event
    error: str
    attempts: int
    parked_at: int


class Store(ABC):
    """The one owner of durable state. Every method is one coarse, transactional command or one consistent read."""

    # ------------------------------------------------------------ the store itself

    @abstractmethod
    async def info(self) -> StoreInfo:
        """Return the store's epoch and clock."""

    @abstractmethod
    async def lease_worker(self, owner: str, ttl_ms: int) -> int:
        """Lease a snowflake worker id (0–1023) for `owner`, or renew the one it holds.

        A worker id is leased to one owner at a time; an owner that did not renew within `ttl_ms` may lose it. Owners
        fence themselves: they stop making ids before their lease ends, measured on a monotonic clock.

        Raises:
            ServiceError: LIMIT_REACHED when all are taken.
        """

    @abstractmethod
    async def lease(self, name: str, owner: str, ttl_ms: int) -> bool:
        """Lease a name for `owner`, or renew its lease, for `ttl_ms` from now; return whether `owner` has it.

        A name is leased to one owner at a time; it is free once its lease ran out. 0 gives it back. Owners fence
        themselves, as with worker ids.
        """

    # ------------------------------------------------------------ accounts

    @abstractmethod
    async def create_user(self, user: NewUser) -> User:
        """Create an account. With `first_is_admin` the store's first human account becomes admin.

        A non-empty `invitation` is consumed in the same transaction.

        Raises:
            ServiceError: USER_EXISTS; INVITATION_INVALID (unknown, expired, used up).
        """

    @abstractmethod
    async def create_invitation(self, creator: str, uses: int, expires_at: int) -> str:
        """Return a new invitation code that is good `uses` times until `expires_at` (ms)."""

    @abstractmethod
    async def users(self, user_ids: Sequence[str]) -> list[User]:
        """Return those of the users that exist, in no particular order."""

    @abstractmethod
    async def credentials(self, user_id: str) -> Credentials | None:
        """Return what login needs to know, or None when there is no such user."""

    @abstractmethod
    async def search_users(self, query: str, limit: int) -> list[User]:
        """Return active users whose handle or nickname holds the query (ASCII letters in either case).

        Exact handles come first, then handles that begin with the query, then the rest by handle. LIKE's wildcards in
        the query stand for themselves.
        """

    @abstractmethod
    async def list_users(self, after: str, limit: int) -> list[User]:
        """Return users by handle, beginning after the given one."""

    @abstractmethod
    async def count_users(self) -> int:
        """Return how many accounts there are, disabled ones included. Takes longer the more there are."""

    @abstractmethod
    async def update_user(self, user_id: str, changes: UserChanges) -> User:
        """Change a profile; event `UserUpdated`. Raises USER_NOT_FOUND."""

    @abstractmethod
    async def set_password(self, user_id: str, password_hash: str, keep_device: str) -> list[Device]:
        """Set the password and revoke all devices but `keep_device` ("" keeps none); return the revoked ones."""

    @abstractmethod
    async def upgrade_hash(self, user_id: str, old_hash: str, new_hash: str) -> None:
        """Replace a password's hash by one of the same password and of today's cost; no device is touched.

        Changes nothing when the stored hash is not `old_hash` any more (the password was changed meanwhile).
        """

    @abstractmethod
    async def set_user_status(self, user_id: str, status: UserStatus) -> list[Device]:
        """Enable or disable an account; disabling closes all its devices (DISABLED), which are returned."""

    @abstractmethod
    async def touch_last_seen(self, user_ids: Sequence[str], at: int) -> None:
        """Set when users were last online; never backwards. Background work: may be delayed behind messages.

        That is presence, which not everybody may see, and no change of a profile: `updated_at` stays as it is.
        """

    @abstractmethod
    async def open_device(self, device: NewDevice) -> OpenedDevice:
        """Record a login. Devices over `max_devices` (oldest use first) and, with `newest_wins`, those of the same
        platform are closed as KICKED.

        Raises:
            ServiceError: USER_NOT_FOUND; USER_DISABLED.
        """

    @abstractmethod
    async def rotate_refresh(
        self, device_id: str, presented: str, replacement: str, expires_at: int, grace_ms: int
    ) -> Rotation:
        """Replace a device's refresh token id by `replacement` when `presented` is the current one.

        The one before it is accepted too for `grace_ms` after its rotation (two tabs refreshing at once) and answers
        with the device unchanged in its current id. Any other id is a reuse: the device is revoked.

        Raises:
            ServiceError: TOKEN_REVOKED when the device is unknown or closed; TOKEN_EXPIRED when it expired.
        """

    @abstractmethod
    async def devices(self, user_id: str) -> list[Device]:
        """Return the user's active devices, the latest used first."""

    @abstractmethod
    async def device_states(self, device_ids: Sequence[str]) -> dict[str, str]:
        """Return the `DeviceState` of each known device."""

    @abstractmethod
    async def close_devices(self, user_id: str, device_ids: Sequence[str], state: DeviceState) -> list[Device]:
        """Close the user's active devices among these (all of them when none are named); return those closed now."""

    # ------------------------------------------------------------ friends

    @abstractmethod
    async def relation(self, user_id: str, other: str) -> Relation:
        """Return what stands between two users (all False for strangers)."""

    @abstractmethod
    async def request_friend(self, sender: str, recipient: str, message: str, instant: bool) -> RequestStatus:
        """Ask to become friends; event `FriendsUpdated`.

        With `instant`, or when the recipient had asked before, they are friends at once and a single conversation
        between them exists afterwards. Asking again while pending is no error and changes the message. When the
        recipient has blocked the sender the request is stored, but the recipient is not told.

        Raises:
            ServiceError: USER_NOT_FOUND; ALREADY_FRIENDS; INVALID_ARGUMENT for oneself.
        """

    @abstractmethod
    async def decide_friend(self, user_id: str, sender: str, accept: bool) -> None:
        """Accept or reject the pending request of `sender`; acceptance makes both friends, and the single conversation
        exists afterwards; events to the sender. Raises REQUEST_NOT_FOUND.
        """

    @abstractmethod
    async def remove_friend(self, user_id: str, friend_id: str) -> None:
        """End a friendship on both sides (tombstones). Raises USER_NOT_FOUND when they are not friends."""

    @abstractmethod
    async def set_remark(self, user_id: str, friend_id: str, remark: str) -> None:
        """Set the caller's own name for a friend. Raises USER_NOT_FOUND when they are not friends."""

    @abstractmethod
    async def set_blocked(self, user_id: str, other: str, blocked: bool) -> None:
        """Block somebody or end the block; the single conversation's version changes with it. Idempotent.

        Raises:
            ServiceError: USER_NOT_FOUND.
        """

    @abstractmethod
    async def friends(self, user_id: str, after: str, limit: int) -> list[Friend]:
        """Return the caller's friends by handle, beginning after the given one."""

    @abstractmethod
    async def blocked(self, user_id: str) -> list[Friend]:
        """Return whom the caller has blocked, by handle."""

    @abstractmethod
    async def friend_requests(self, user_id: str, received: bool, limit: int) -> list[FriendRequest]:
        """Return requests that the caller received (or sent), the newest first."""

    @abstractmethod
    async def friend_edges(self, user_ids: Sequence[str]) -> list[FriendEdge]:
        """Return every (user, friend) pair of these users in which neither has blocked the other.

        That is whom to tell of their presence, and whose presence they may see.
        """

    # ------------------------------------------------------------ conversations

    @abstractmethod
    async def open_single(self, user_id: str, peer: str) -> Conversation:
        """Return the single conversation of two users, made when it does not exist. Raises USER_NOT_FOUND."""

    @abstractmethod
    async def create_group(self, creator: str, group: NewGroup, message_id: int, content: str) -> Conversation:
        """Create a group with its owner and members, and its first system entry (`content`, `message_id`).

        Creating it again with the same id by the same creator returns the existing one and writes nothing. Members
        are distinct and without the creator. The creator's and the first members' window opens at 1.

        Raises:
            ServiceError: USER_NOT_FOUND (naming the first unknown member); CONVERSATION_EXISTS (another's group).
        """

    @abstractmethod
    async def ensure_open(self, conversation_id: str, name: str) -> Conversation:
        """Return the conversation of kind OPEN with this id, made when it does not exist."""

    @abstractmethod
    async def enter_open(self, user_id: str, conversation_id: str) -> None:
        """Give somebody who has no row in an OPEN conversation one whose read pointer is at the end: who comes for the
        first time has nothing unread. Idempotent; later calls move nothing. Event `MemberSettingsChanged` the first
        time. Raises CONVERSATION_NOT_FOUND.
        """

    @abstractmethod
    async def states(self, conversation_ids: Sequence[str], user_ids: Sequence[str]) -> list[ConversationState]:
        """Return the states of those conversations that exist, each of one version, for checking rights.

        Small conversations (≤ SMALL_CONVERSATION rows of members, present and past) are complete; of larger ones the
        rows of `user_ids` are returned.
        """

    @abstractmethod
    async def change_group(self, change: GroupChange) -> Conversation:
        """Apply a change of members, settings or status, with its system entry, event and new version, at once.

        JOIN gives a window that opens by the group's history setting at the seq of this change's entry (a rejoin gets
        a new window, its pointer at min - 1); it refuses who is a member already. LEAVE and KICK close the window at
        that seq. Any pending join request of somebody who joins becomes ACCEPTED. `member_count` follows.
        An applied change returns the conversation with its new version.

        Raises:
            ServiceError: STALE when the version is not `change.version` any more (nothing was changed);
                CONVERSATION_NOT_FOUND; USER_NOT_FOUND; ALREADY_MEMBER; GROUP_FULL.
        """

    @abstractmethod
    async def request_join(self, conversation_id: str, user_id: str, message: str) -> None:
        """Record (or renew) a wish to join; event `JoinRequested`. Raises ALREADY_MEMBER, CONVERSATION_NOT_FOUND."""

    @abstractmethod
    async def reject_join(self, conversation_id: str, user_id: str) -> None:
        """Reject a pending wish to join. Raises REQUEST_NOT_FOUND."""

    @abstractmethod
    async def join_requests(self, conversation_id: str) -> list[JoinRequest]:
        """Return the pending wishes to join, the oldest first."""

    @abstractmethod
    async def members(self, conversation_id: str, cursor: str, limit: int) -> MemberPage:
        """Return a page of the present members with their profiles, by role (highest first), then handle.

        Raises:
            ServiceError: INVALID_ARGUMENT for a cursor that is none.
        """

    @abstractmethod
    async def audience(self, conversation_id: str, after: str, limit: int) -> list[Audience]:
        """Return present members by handle, beginning after the given one (for fan-out in slices).

        For an OPEN conversation: all active users.
        """

    @abstractmethod
    async def set_member(self, user_id: str, conversation_id: str, changes: MemberSettings) -> ConversationView:
        """Change the caller's own settings of a conversation; event `MemberSettingsChanged`. Raises NOT_MEMBER."""

    @abstractmethod
    async def conversation(self, user_id: str, conversation_id: str) -> ConversationView:
        """Return one conversation as the caller sees it.

        Whoever left sees it as it was then, here and in lists and sync: nothing that others do afterwards changes
        anything they can read.

        Raises:
            ServiceError: CONVERSATION_NOT_FOUND; NOT_MEMBER.
        """

    @abstractmethod
    async def conversations(self, user_id: str, cursor: str, limit: int, with_last: bool) -> ConversationPage:
        """Return a page of the caller's conversations: pinned first, then by updated_at falling, then id.

        Those the caller left stay listed while they show something, at the place of that time. An OPEN conversation
        is listed for everybody.

        Raises:
            ServiceError: INVALID_ARGUMENT for a cursor that is none.
        """

    # ------------------------------------------------------------ messages

    @abstractmethod
    async def append(self, entries: Sequence[NewEntry]) -> AppendOutcome:
        """Append a batch of allowed messages in one transaction: the heart of the server.

        The algorithm (DESIGN: the hot path is made of batches):

        1. lock the conversations in sorted order;
        2. collapse duplicates inside the batch: a second item with the same (sender, client_msg_id) gets the first
           one's result (DUPLICATE), or CONFLICT when its body hash differs;
        3. look up the keys: one already stored answers with the stored ids (DUPLICATE) or CONFLICT;
        4. compare each conversation's version with the one its items were checked with: other ones are STALE;
        5. give seqs and ordinals only to the survivors, in arrival order, without holes;
        6. insert them, advance `max_seq`, `ordinal` and `updated_at`, and move each sender's read pointer to its own
           message;
        7. write one `EntriesAppended` event per conversation with its seq range;
        8. commit.

        An engine may try the cheap way first (insert without step 3) when a unique violation makes it roll back and
        run again the careful way. Results are per item, in the items' order; one bad item never fails the batch.
        Unknown conversations are STALE. All items are countable (system entries come from `change_group`).
        """

    @abstractmethod
    async def find_keys(self, keys: Sequence[Key]) -> list[Appended]:
        """Look up idempotency keys, in order: DUPLICATE with the stored ids, CONFLICT for
        another body, STALE for a key that is not stored.
        """

    @abstractmethod
    async def read_entries(
        self, user_id: str, conversation_id: str, begin: int, end: int, limit: int, newest: bool
    ) -> EntryPage:
        """Return entries of [begin, end] that the caller may see, ascending, at most `limit`.

        The window and the head are read in the same snapshot as the entries, so a removal that is committed hides
        what came after it. begin or end ≤ 0 mean the window's own. With `newest` the page holds the last ones of the
        range, else the first.

        Raises:
            ServiceError: CONVERSATION_NOT_FOUND; NOT_MEMBER for who never was one.
        """

    @abstractmethod
    async def pick_entries(self, user_id: str, conversation_id: str, seqs: Sequence[int]) -> EntryPage:
        """Return those of the entries with these seqs (at most 500) that the caller may see, ascending.

        Snapshot and refusals are those of `read_entries`.
        """

    @abstractmethod
    async def entries(self, conversation_id: str, begin: int, end: int) -> list[Entry]:
        """Return entries of [begin, end], ascending, for delivery: nobody's window is applied."""

    @abstractmethod
    async def entry(self, message_id: int) -> Entry | None:
        """Return the entry with this id, or None; nobody's window is applied."""

    @abstractmethod
    async def entries_by_key(self, client_msg_id: str, sender: str, limit: int) -> list[Entry]:
        """Return the entries that are stored under a key, of `sender` or of anybody (""), at most `limit`, by sender;
        nobody's window is applied.
        """

    @abstractmethod
    async def heads(self, user_id: str, conversation_ids: Sequence[str]) -> dict[str, int]:
        """Return the last visible seq of each of these conversations that the caller is or was a member of."""

    @abstractmethod
    async def mark_read(self, user_id: str, conversation_id: str, seq: int) -> ReadState:
        """Move the caller's read pointer forward to `seq`, clamped to what is visible; event `PointerMoved` if it
        moved. `seq` ≤ 0 means the end. Raises CONVERSATION_NOT_FOUND, NOT_MEMBER.
        """

    @abstractmethod
    async def readers(self, conversation_id: str, seq: int, limit: int) -> list[Reader]:
        """Return present members whose window shows `seq` and whose pointer is at or after it, by handle."""

    # ------------------------------------------------------------ sync

    @abstractmethod
    async def sync(self, user_id: str, token: str, limit: int) -> SyncPage:
        """Return what changed for the caller since `token` ("" for everything), at most `limit` rows of each sort.

        A token of another epoch, or older than the tombstones' retention, answers with `full` and everything.
        """

    @abstractmethod
    async def fill_inbox(self, user_ids: Sequence[str], limit: int) -> None:
        """Make the inbox rows that these users' visible entries lack, at most `limit` a user; idempotent.

        What lacks is found beside the writers, and written in slices, so that a user of a thousand groups holds up
        nobody. A slice gets its positions from the owner's own counter in one transaction, so a reader that has seen
        position p never finds a new row below p.
        """

    @abstractmethod
    async def read_inbox(self, user_id: str, cursor: int, limit: int) -> InboxPage:
        """Return the caller's inbox rows after `cursor`, ascending, filling the inbox first.

        Raises:
            ServiceError: INVALID_ARGUMENT for a negative cursor.
        """

    # ------------------------------------------------------------ outbox and housekeeping

    @abstractmethod
    async def outbox(self, after: int, limit: int, wait_ms: int, kinds: Sequence[str] = ()) -> OutboxPage:
        """Return events after a position, in order; when there is none, wait up to `wait_ms` for one of any kind.

        An event is only returned when no event with a lower position can still be committed.

        Args:
            kinds: the kinds that are wanted; empty for all.
        """

    @abstractmethod
    async def consumer_position(self, consumer: str) -> int:
        """Return up to where a consumer has processed the outbox (0 at first)."""

    @abstractmethod
    async def commit_position(self, consumer: str, position: int) -> None:
        """Record that a consumer is done with everything up to `position`; never backwards. Background work."""

    @abstractmethod
    async def forget_consumer(self, consumer: str) -> None:
        """Forget a consumer that reads no more: it holds back no pruning, and would begin at 0. Idempotent."""

    @abstractmethod
    async def park(self, consumer: str, event: Event, error: str, attempts: int) -> None:
        """Record an event that could not be processed, or one that waits behind such an event of the same key."""

    @abstractmethod
    async def parked(self, consumer: str, limit: int, after: int = 0) -> list[DeadLetter]:
        """Return a consumer's dead letters in order, from behind position `after` on."""

    @abstractmethod
    async def unpark(self, consumer: str, position: int) -> None:
        """Remove one dead letter after it was processed."""

    @abstractmethod
    async def prune(self, keep_events: int, tombstones_before: int, limit: int) -> int:
        """Delete up to `limit` old rows and return how many were: events that all consumers are done with except the
        newest `keep_events`, and devices and tombstones from before a time (ms). Background work in short slices.
        """
