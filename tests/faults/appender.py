"""A program that appends to a store and notes every ack in a file: python -m tests.faults.appender DB SYNC ACKS COUNT.

It ends after COUNT batches of each writer, or when it is killed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count
from pathlib import Path
from typing import Literal, cast

from resonance.config.engines import StoreConfig
from resonance.domain.content import body_hash
from resonance.domain.model import NewEntry
from resonance.engines.sqlite.store import SqliteStore

CHAT = "si_anna_bert"
WRITERS = ("anna", "bert")
BATCH = 3

_message_ids = count(1)


def batch(sender: str, version: int, number: int) -> list[NewEntry]:
    """Return the sender's batch of this number; its keys say both."""
    text = "x" * 300
    hashed = body_hash(CHAT, 1, text, "")
    keys = [f"{sender}.{number}.{n}" for n in range(BATCH)]
    return [NewEntry(CHAT, version, next(_message_ids), sender, key, hashed, 1, text, "") for key in keys]


async def write(store: SqliteStore, sender: str, batches: int, acks: int) -> None:
    """Append batches one after the other and note each ack: key and seq."""
    [state] = await store.states([CHAT], [])
    for number in range(batches):
        items = batch(sender, state.conversation.version, number)
        results = (await store.append(items)).results
        lines = [f"{item.client_msg_id} {result.seq}\n" for item, result in zip(items, results, strict=True)]
        os.write(acks, "".join(lines).encode())


async def main(database: Path, synchronous: str, acks: Path, batches: int) -> None:
    store = SqliteStore(database, StoreConfig(synchronous=cast("Literal['full', 'normal', 'off']", synchronous)))
    await store.start()
    file = os.open(acks, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    await asyncio.gather(*(write(store, sender, batches, file) for sender in WRITERS))
    os._exit(0)  # as a crash would: nothing is closed or checkpointed


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
