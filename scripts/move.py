"""`make bench ENGINE=move`: a store of a million messages moves from SQLite to PostgreSQL and MariaDB, and back."""

from __future__ import annotations

import asyncio
import hashlib
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Protocol

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.engines.mariadb import mariadb_server
from tests.engines.postgres import postgres_server

from resonance.cli.benchmark.preload import preload

MESSAGES = 1_000_000
PEOPLE = 100


class Database(Protocol):
    """A database server."""

    def url(self) -> str:
        """Return where an empty store is."""


ENGINES: dict[str, type[AbstractContextManager[Database]]] = {
    "PostgreSQL": postgres_server,
    "MariaDB": mariadb_server,
}


def move(count: int) -> int:
    """Move a store there and back over each engine; return 0 when it is the same afterwards."""
    with tempfile.TemporaryDirectory(prefix="resonance-move-") as name:
        folder = Path(name)
        first = folder / "resonance.db"
        names = [f"person{number}" for number in range(PEOPLE)]
        asyncio.run(preload(folder, names, count, lambda _done: None))
        print(f"{count:,} messages, {first.stat().st_size / 2**20:,.0f} MiB of SQLite")
        before, differing = digest(first), 0
        for engine, server in ENGINES.items():
            with server() as database:
                second = folder / f"back from {engine}.db"
                moved(f"to {engine}", f"sqlite:{first}", database.url())
                moved(f"from {engine}", database.url(), f"sqlite:{second}")
                differing += digest(second) != before
    print("every entry is the same after both ways" if not differing else f"{differing} stores differ")
    return int(bool(differing))


def moved(what: str, source: str, target: str) -> None:
    """Run `resonance migrate-store`, and print how long it took."""
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = [sys.executable, "-c", "from resonance.cli import main; main()", "migrate-store"]
    subprocess.run([*command, "--from", source, "--to", target], check=True, stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - used
    print(f"{what}: {time.monotonic() - began:.0f} s, {used:.0f} s of our CPU", flush=True)


def digest(database: Path) -> str:
    """Return a hash of every entry of a SQLite store, in order."""
    columns = "conversation_id, seq, message_id, sender, client_msg_id, kind, content, extra, ordinal, created_at"
    summary = hashlib.blake2b()
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        for row in connection.execute(f"SELECT {columns} FROM entries ORDER BY conversation_id, seq"):
            summary.update(repr(row).encode())
    return summary.hexdigest()
