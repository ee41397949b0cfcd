"""Fills a store with messages before the server starts, through the store's own commands."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from pwdlib.hashers.argon2 import Argon2Hasher

from resonance.cli.benchmark.accounts import PASSWORD
from resonance.cli.benchmark.jobs import TEXT
from resonance.cli.benchmark.packets import key_of
from resonance.config.engines import StoreConfig
from resonance.domain.content import Kind, body_hash
from resonance.domain.ids import UserId
from resonance.domain.model import Conversation, NewEntry, NewUser
from resonance.engines.sqlite.store import SqliteStore

BATCH = 500


async def preload(folder: Path, names: Sequence[str], count: int, progress: Callable[[int], None]) -> None:
    """Make the users and `count` messages, spread over the conversations of each two neighbours.

    Args:
        folder: the server's data folder.
        progress: told how many were stored since the last call.
    """
    store = SqliteStore(folder / "resonance.db", StoreConfig(synchronous="off"))
    await store.start()
    try:
        hashed = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        for name in names:
            await store.create_user(NewUser(UserId(name), name, hashed))
        pairs = list(zip(names[::2], names[1::2], strict=True))
        conversations = [await store.open_single(left, right) for left, right in pairs]
        for start in range(0, count, BATCH):
            turn = start // BATCH % len(pairs)
            size = min(BATCH, count - start)
            await store.append(_batch(conversations[turn], pairs[turn], start, size))
            progress(size)
    finally:
        store.close()
        await store.join()


def _batch(conversation: Conversation, pair: tuple[str, str], start: int, size: int) -> list[NewEntry]:
    nonce = secrets.randbits(47)
    digest = body_hash(conversation.id, Kind.TEXT, TEXT, "")
    return [
        NewEntry(
            conversation_id=conversation.id,
            version=conversation.version,
            message_id=start + number + 1,
            sender=pair[number % 2],
            client_msg_id=key_of(nonce, number).decode(),
            body_hash=digest,
            kind=Kind.TEXT,
            content=TEXT,
            extra="",
        )
        for number in range(size)
    ]
