"""The store's own housekeeping: its identity, leases, last seen, and what is old enough to go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import DeviceState
from resonance.engines.sql.lists import listed
from resonance.engines.sql.tables import MOVING
from resonance.engines.sql.tx import Tx
from resonance.ports.store import StoreInfo

_FACTS = "SELECT name, value FROM meta WHERE name IN (:epoch, :moving)"
WORKERS = 1024
"""Worker ids that a snowflake has room for."""


async def epoch(tx: Tx) -> str:
    """Return the store's epoch. Raises STORAGE_UNAVAILABLE for a store that half of another one was moved to."""
    facts = {row["name"]: str(row["value"]) for row in await tx.all(_FACTS, epoch="epoch", moving=MOVING)}
    if MOVING in facts:
        raise ServiceError(
            Code.STORAGE_UNAVAILABLE, "another store is being moved to this one: let `resonance migrate-store` end"
        )
    return facts["epoch"]


async def info(tx: Tx) -> StoreInfo:
    """See `Store.info`."""
    return StoreInfo(await epoch(tx), tx.now)


async def lease_worker(tx: Tx, owner: str, ttl_ms: int) -> int:
    """See `Store.lease_worker`. An id that was never leased is preferred to one whose lease ran out."""
    row = await tx.one("SELECT worker_id FROM workers WHERE owner = :owner", owner=owner)
    if row is not None:
        worker = int(row["worker_id"])
        await tx.run("UPDATE workers SET expires_at = :at WHERE worker_id = :worker", at=tx.now + ttl_ms, worker=worker)
        return worker
    worker = await _vacate(tx)
    await tx.run(
        "INSERT INTO workers (worker_id, owner, expires_at) VALUES (:worker, :owner, :at)",
        worker=worker,
        owner=owner,
        at=tx.now + ttl_ms,
    )
    return worker


async def _vacate(tx: Tx) -> int:
    """Return a worker id without a row; when all have one, that whose lease ran out first loses it."""
    rows = await tx.all("SELECT worker_id, expires_at FROM workers ORDER BY expires_at")
    leased = {row["worker_id"] for row in rows}
    if len(leased) < WORKERS:
        return next(worker for worker in range(WORKERS) if worker not in leased)
    first = rows[0]
    if first["expires_at"] > tx.now:
        raise ServiceError(Code.LIMIT_REACHED, f"all {WORKERS} worker ids are leased")
    await tx.run("DELETE FROM workers WHERE worker_id = :worker", worker=first["worker_id"])
    return int(first["worker_id"])


async def lease(tx: Tx, name: str, owner: str, ttl_ms: int) -> bool:
    """See `Store.lease`."""
    row = await tx.one("SELECT owner, expires_at FROM leases WHERE name = :name", name=name)
    if row is not None and row["owner"] != owner and row["expires_at"] > tx.now:
        return False
    sql = (
        "INSERT INTO leases (name, owner, expires_at) VALUES (:name, :owner, :at)"
        if row is None
        else "UPDATE leases SET owner = :owner, expires_at = :at WHERE name = :name"
    )
    await tx.run(sql, name=name, owner=owner, at=tx.now + ttl_ms)
    return True


async def touch_last_seen(tx: Tx, user_ids: Sequence[str], at: int) -> None:
    """See `Store.touch_last_seen`."""
    places, params = listed("user", user_ids)
    await tx.run(
        f"UPDATE users SET last_seen_at = :at WHERE id IN ({places}) AND last_seen_at < :at",  # noqa: S608
        at=at,
        **params,
    )


@dataclass(frozen=True, slots=True)
class Old:
    """Rows that housekeeping may delete: events up to a position, and the keys of other rows."""

    first_event: int
    last_event: int
    devices: list[str]
    friends: list[tuple[str, str]]


async def find_old(tx: Tx, keep_events: int, tombstones_before: int, limit: int) -> Old:
    """Return up to `limit` rows that `Store.prune` may delete. Reads only; deleting looks again.

    The newest event always stays, so that positions are never given twice; without any consumer all events stay.
    """
    ends = await tx.one(
        "SELECT (SELECT min(position) FROM outbox) AS oldest, (SELECT max(position) FROM outbox) AS head, "
        "(SELECT min(position) FROM consumers) AS done"
    )
    assert ends is not None
    first = ends["oldest"] or 1
    last = min(ends["done"] or 0, (ends["head"] or 0) - max(keep_events, 1), first + limit - 1)
    limit -= max(0, last - first + 1)
    devices = await tx.all(
        "SELECT id FROM devices WHERE (state <> :active AND updated_at < :before) OR expires_at < :before LIMIT :limit",
        active=DeviceState.ACTIVE,
        before=tombstones_before,
        limit=limit,
    )
    limit -= len(devices)
    friends = await tx.all(
        "SELECT user_id, friend_id FROM friends WHERE is_friend = 0 AND blocked = 0 AND updated_at < :before "
        "LIMIT :limit",
        before=tombstones_before,
        limit=limit,
    )
    return Old(first, last, [row["id"] for row in devices], [(row["user_id"], row["friend_id"]) for row in friends])


async def delete_events(tx: Tx, first: int, last: int) -> int:
    """Delete a range of the outbox."""
    return await tx.run("DELETE FROM outbox WHERE position BETWEEN :first AND :last", first=first, last=last)


async def delete_devices(tx: Tx, ids: Sequence[str], before: int) -> int:
    """Delete those of the devices that are still closed, or expired, since before a time."""
    places, params = listed("id", ids)
    return await tx.run(
        f"DELETE FROM devices WHERE id IN ({places}) "  # noqa: S608
        "AND ((state <> :active AND updated_at < :before) OR expires_at < :before)",
        active=DeviceState.ACTIVE,
        before=before,
        **params,
    )


async def delete_friends(tx: Tx, pairs: Sequence[tuple[str, str]], before: int) -> int:
    """Delete those of the friends' rows that are still tombstones from before a time."""
    deleted = 0
    for user_id, friend_id in pairs:
        deleted += await tx.run(
            "DELETE FROM friends WHERE user_id = :user AND friend_id = :friend "
            "AND is_friend = 0 AND blocked = 0 AND updated_at < :before",
            user=user_id,
            friend=friend_id,
            before=before,
        )
    return deleted
