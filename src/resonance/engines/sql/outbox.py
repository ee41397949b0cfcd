"""The outbox: events written in the transaction of the state they describe, read as a log."""

from __future__ import annotations

from resonance.domain.events import Payload, encode
from resonance.engines.sql.tx import Tx

INSERT_EVENT = "INSERT INTO outbox (key, kind, payload, created_at) VALUES (:key, :kind, :payload, :now)"


async def emit(tx: Tx, key: str, payload: Payload) -> None:
    """Write an event; it becomes visible to consumers when the transaction commits.

    Args:
        key: what the order is kept for: a conversation id or a user id.
    """
    await tx.run(INSERT_EVENT, key=key, kind=payload.kind, payload=encode(payload), now=tx.now)
