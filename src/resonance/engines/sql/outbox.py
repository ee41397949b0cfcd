"""The outbox: events written in the transaction of the state they describe, read as a log by consumers."""

from __future__ import annotations

from collections.abc import Sequence

from resonance.domain.events import Event, Payload, encode
from resonance.engines.sql.rows import EVENT, event_row
from resonance.engines.sql.tx import Tx
from resonance.ports.store import DeadLetter, OutboxPage


async def emit(tx: Tx, key: str, payload: Payload) -> None:
    """Write an event; it becomes visible to consumers when the transaction commits.

    Args:
        key: what the order is kept for: a conversation id or a user id.
    """
    await tx.emit(key, payload.kind, encode(payload))


async def outbox(tx: Tx, after: int, limit: int, kinds: Sequence[str]) -> OutboxPage:
    """See `Store.outbox`; this reads what is there and never waits."""
    wanted = {f"kind{number}": kind for number, kind in enumerate(kinds)}
    only = f"AND kind IN ({', '.join(f':{name}' for name in wanted)}) " if wanted else ""
    rows = await tx.all(
        f"SELECT {EVENT} FROM outbox WHERE position > :after {only}ORDER BY position LIMIT :limit",  # noqa: S608
        after=after,
        limit=limit,
        **wanted,
    )
    ends = await tx.one(
        "SELECT (SELECT min(position) FROM outbox) AS oldest, (SELECT max(position) FROM outbox) AS head"
    )
    assert ends is not None
    head = ends["head"] or 0
    events = [event_row(row) for row in rows]
    end = events[-1].position if len(events) == limit else max(after, head)
    return OutboxPage(events, ends["oldest"] or head + 1, head, end)


async def consumer_position(tx: Tx, consumer: str) -> int:
    """See `Store.consumer_position`."""
    row = await tx.one("SELECT position FROM consumers WHERE name = :name", name=consumer)
    return 0 if row is None else int(row["position"])


async def commit_position(tx: Tx, consumer: str, position: int) -> None:
    """See `Store.commit_position`. Position 0 makes the consumer known: what it has not read is kept from then on."""
    row = await tx.one("SELECT position FROM consumers WHERE name = :name", name=consumer)
    if row is None:
        await tx.run(
            "INSERT INTO consumers (name, position) VALUES (:name, :position)", name=consumer, position=position
        )
    elif position > row["position"]:
        await tx.run("UPDATE consumers SET position = :position WHERE name = :name", name=consumer, position=position)


async def forget_consumer(tx: Tx, consumer: str) -> None:
    """See `Store.forget_consumer`."""
    await tx.run("DELETE FROM consumers WHERE name = :name", name=consumer)


async def park(tx: Tx, consumer: str, event: Event, error: str, attempts: int) -> None:
    """See `Store.park`; parking the same event again replaces its error and attempts."""
    await unpark(tx, consumer, event.position)
    await tx.run(
        'INSERT INTO dead_letters (consumer, position, "key", kind, payload, created_at, error, attempts, parked_at) '
        "VALUES (:consumer, :position, :key, :kind, :payload, :created_at, :error, :attempts, :now)",
        **event._asdict(),
        consumer=consumer,
        error=error,
        attempts=attempts,
        now=tx.now,
    )


async def parked(tx: Tx, consumer: str, limit: int, after: int) -> list[DeadLetter]:
    """See `Store.parked`."""
    rows = await tx.all(
        f"SELECT {EVENT}, error, attempts, parked_at FROM dead_letters "  # noqa: S608
        "WHERE consumer = :consumer AND position > :after ORDER BY position LIMIT :limit",
        consumer=consumer,
        after=after,
        limit=limit,
    )
    return [DeadLetter(consumer, event_row(row), row["error"], row["attempts"], row["parked_at"]) for row in rows]


async def unpark(tx: Tx, consumer: str, position: int) -> None:
    """See `Store.unpark`."""
    await tx.run(
        "DELETE FROM dead_letters WHERE consumer = :consumer AND position = :position",
        consumer=consumer,
        position=position,
    )
