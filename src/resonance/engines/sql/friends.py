"""Friends: requests, friendships, remarks and blocks. Each side of a relation has a row of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from resonance.domain.errors import Code, ServiceError, invalid
from resonance.domain.events import FriendsUpdated
from resonance.domain.ids import UserId, single_id
from resonance.domain.model import Friend, FriendRequest, RequestStatus
from resonance.engines.sql.accounts import require_users
from resonance.engines.sql.conversations import open_single
from resonance.engines.sql.outbox import emit
from resonance.engines.sql.queries import all_in
from resonance.engines.sql.rows import FRIEND, FRIEND_REQUEST, friend_request_row, friend_row
from resonance.engines.sql.tx import Tx
from resonance.engines.sql.writes import bump_version
from resonance.ports.store import FriendEdge, Relation

# ---------------------------------------------------------------- reading


async def relation(tx: Tx, user_id: str, other: str) -> Relation:
    """Return what stands between two users, seen from the first."""
    mine, theirs = await _side(tx, user_id, other), await _side(tx, other, user_id)
    return Relation(
        friends=mine.is_friend and theirs.is_friend,
        blocked=mine.blocked,
        blocked_by=theirs.blocked,
        requested=await _is_pending(tx, user_id, other),
        requested_by=await _is_pending(tx, other, user_id),
    )


async def friends(tx: Tx, user_id: str, after: str, limit: int) -> list[Friend]:
    """Return the caller's friends by handle, beginning after the given one."""
    rows = await tx.all(
        f"SELECT {FRIEND} FROM friends WHERE user_id = :user_id AND is_friend = 1 AND friend_id > :after"  # noqa: S608
        " ORDER BY friend_id LIMIT :limit",
        user_id=user_id,
        after=after,
        limit=limit,
    )
    return [friend_row(row) for row in rows]


async def blocked(tx: Tx, user_id: str) -> list[Friend]:
    """Return whom the caller has blocked, by handle."""
    rows = await tx.all(
        f"SELECT {FRIEND} FROM friends WHERE user_id = :user_id AND blocked = 1 ORDER BY friend_id",  # noqa: S608
        user_id=user_id,
    )
    return [friend_row(row) for row in rows]


async def friend_requests(tx: Tx, user_id: str, received: bool, limit: int) -> list[FriendRequest]:
    """Return requests that the caller received (or sent), the newest first."""
    mine, other = ("recipient", "sender") if received else ("sender", "recipient")
    rows = await tx.all(
        f"SELECT {FRIEND_REQUEST} FROM friend_requests WHERE {mine} = :user_id"  # noqa: S608 - two constants
        f" ORDER BY updated_at DESC, {other} LIMIT :limit",
        user_id=user_id,
        limit=limit,
    )
    return [friend_request_row(row) for row in rows]


async def friend_edges(tx: Tx, user_ids: Sequence[str]) -> list[FriendEdge]:
    """Return every (user, friend) pair of these users in which neither has blocked the other."""
    rows = await all_in(
        tx,
        "SELECT mine.user_id, mine.friend_id FROM friends mine"
        " JOIN friends theirs ON theirs.user_id = mine.friend_id AND theirs.friend_id = mine.user_id"
        " WHERE mine.is_friend = 1 AND mine.blocked = 0 AND theirs.blocked = 0 AND mine.user_id IN (:values)",
        user_ids,
    )
    return [FriendEdge(row["user_id"], row["friend_id"]) for row in rows]


# ---------------------------------------------------------------- requests


async def request_friend(tx: Tx, sender: str, recipient: str, message: str, instant: bool) -> RequestStatus:
    """Ask to become friends; nobody becomes the friend of somebody they have blocked without deciding it."""
    if sender == recipient:
        raise invalid("user_id", "nobody can be their own friend")
    await require_users(tx, [sender, recipient])
    between = await relation(tx, sender, recipient)
    if between.friends:
        raise ServiceError(Code.ALREADY_FRIENDS)
    at_once = (instant or between.requested_by) and not between.blocked_by
    status = RequestStatus.ACCEPTED if at_once else RequestStatus.PENDING
    await _save_request(tx, sender, recipient, message, status)
    if at_once:
        await _befriend(tx, sender, recipient)
        await _tell(tx, sender, recipient, "accepted", [recipient, sender], message)
    else:
        await _tell(tx, sender, recipient, "requested", [] if between.blocked_by else [recipient], message)
    return status


async def decide_friend(tx: Tx, user_id: str, sender: str, accept: bool) -> None:
    """Accept or reject a pending request."""
    if not await _is_pending(tx, sender, user_id):
        raise ServiceError(Code.REQUEST_NOT_FOUND)
    if accept:
        await _befriend(tx, user_id, sender)
        await _tell(tx, user_id, sender, "accepted", [sender, user_id])
    else:
        await _answer(tx, sender, user_id, RequestStatus.REJECTED)
        await _tell(tx, user_id, sender, "rejected", [sender])


async def _request(tx: Tx, sender: str, recipient: str) -> FriendRequest | None:
    row = await tx.one(
        f"SELECT {FRIEND_REQUEST} FROM friend_requests WHERE sender = :sender AND recipient = :recipient",  # noqa: S608
        sender=sender,
        recipient=recipient,
    )
    return None if row is None else friend_request_row(row)


async def _is_pending(tx: Tx, sender: str, recipient: str) -> bool:
    request = await _request(tx, sender, recipient)
    return request is not None and request.status is RequestStatus.PENDING


async def _save_request(tx: Tx, sender: str, recipient: str, message: str, status: RequestStatus) -> None:
    """Write a wish over the last one of the pair; one that still waits keeps its age."""
    last = await _request(tx, sender, recipient)
    if last is None:
        statement = (
            f"INSERT INTO friend_requests ({FRIEND_REQUEST})"  # noqa: S608
            " VALUES (:sender, :recipient, :message, :status, :created_at, :now)"
        )
    else:
        statement = (
            "UPDATE friend_requests SET message = :message, status = :status, created_at = :created_at,"
            " updated_at = :now WHERE sender = :sender AND recipient = :recipient"
        )
    await tx.run(
        statement,
        sender=sender,
        recipient=recipient,
        message=message,
        status=int(status),
        created_at=last.created_at if last is not None and last.status is RequestStatus.PENDING else tx.now,
        now=tx.now,
    )


async def _answer(tx: Tx, sender: str, recipient: str, status: RequestStatus) -> None:
    """Give a request its answer if it waits for one."""
    await tx.run(
        "UPDATE friend_requests SET status = :status, updated_at = :now"
        " WHERE sender = :sender AND recipient = :recipient AND status = :pending",
        status=int(status),
        now=tx.now,
        sender=sender,
        recipient=recipient,
        pending=int(RequestStatus.PENDING),
    )


# ---------------------------------------------------------------- relations


async def remove_friend(tx: Tx, user_id: str, friend_id: str) -> None:
    """End a friendship on both sides; the rows stay as tombstones."""
    mine, theirs = await _friendship(tx, user_id, friend_id)
    await _save_side(tx, replace(mine, is_friend=False, remark=""))
    await _save_side(tx, replace(theirs, is_friend=False, remark=""))
    await _changed_between(tx, user_id, friend_id)
    await _tell(tx, user_id, friend_id, "removed", [friend_id, user_id])


async def set_remark(tx: Tx, user_id: str, friend_id: str, remark: str) -> None:
    """Set the caller's own name for a friend."""
    mine, _ = await _friendship(tx, user_id, friend_id)
    if mine.remark == remark:
        return
    await _save_side(tx, replace(mine, remark=remark))
    await _tell(tx, user_id, friend_id, "remark", [user_id])


async def set_blocked(tx: Tx, user_id: str, other: str, blocked: bool) -> None:
    """Block somebody or end the block; only the caller's own devices are told."""
    await require_users(tx, [other])
    mine = await _side(tx, user_id, other)
    if mine.blocked == blocked:
        return
    await _save_side(tx, replace(mine, blocked=blocked))
    await _changed_between(tx, user_id, other)
    await _tell(tx, user_id, other, "blocked" if blocked else "unblocked", [user_id])


async def _befriend(tx: Tx, user_id: str, other: str) -> None:
    """Make two users friends, answer what they asked of each other, and open their conversation."""
    for one, two in ((user_id, other), (other, user_id)):
        await _save_side(tx, replace(await _side(tx, one, two), is_friend=True))
        await _answer(tx, one, two, RequestStatus.ACCEPTED)
    await _changed_between(tx, user_id, other)
    await open_single(tx, user_id, other)


async def _friendship(tx: Tx, user_id: str, friend_id: str) -> tuple[Friend, Friend]:
    """Return both sides of a friendship. Raises USER_NOT_FOUND when they are not friends."""
    mine, theirs = await _side(tx, user_id, friend_id), await _side(tx, friend_id, user_id)
    if not (mine.is_friend and theirs.is_friend):
        raise ServiceError(Code.USER_NOT_FOUND, f"{friend_id} is not a friend of {user_id}")
    return mine, theirs


async def _side(tx: Tx, user_id: str, other: str) -> Friend:
    """Return one side of a relation; where there is no row, that of strangers with `updated_at` 0."""
    row = await tx.one(
        f"SELECT {FRIEND} FROM friends WHERE user_id = :user_id AND friend_id = :other",  # noqa: S608
        user_id=user_id,
        other=other,
    )
    if row is None:
        return Friend(UserId(user_id), UserId(other), is_friend=False, blocked=False, remark="", updated_at=0)
    return friend_row(row)


async def _save_side(tx: Tx, side: Friend) -> None:
    """Write a changed side, over the row it came from or as a new one."""
    if side.updated_at == 0:
        statement = f"INSERT INTO friends ({FRIEND}) VALUES (:user_id, :friend_id, :is_friend, :blocked, :remark, :now)"  # noqa: S608
    else:
        statement = (
            "UPDATE friends SET is_friend = :is_friend, blocked = :blocked, remark = :remark, updated_at = :now"
            " WHERE user_id = :user_id AND friend_id = :friend_id"
        )
    await tx.run(
        statement,
        user_id=side.user_id,
        friend_id=side.friend_id,
        is_friend=int(side.is_friend),
        blocked=int(side.blocked),
        remark=side.remark,
        now=tx.now,
    )


async def _changed_between(tx: Tx, user_id: str, other: str) -> None:
    """Make rights stale that were checked on the relation of two users."""
    await bump_version(tx, single_id(UserId(user_id), UserId(other)))


async def _tell(tx: Tx, actor: str, other: str, action: str, notify: list[str], message: str = "") -> None:
    await emit(tx, actor, FriendsUpdated(actor, other, action, message, tuple(notify)))
