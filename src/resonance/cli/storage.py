"""Commands for the database as a whole: migrate, migrate-store, backup, restore."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resonance.cli.options import DataDir, Env, Folder, load_options
from resonance.cli.plain import fail

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from resonance.config import Settings
    from resonance.engines.sql.store import SqlStore
    from resonance.engines.sqlite.backup import Progress

Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]


def migrate(data_dir: DataDir = None, config: Folder = None, env: Env = None) -> None:
    """Bring the database to this version's tables.

    `resonance serve` and `resonance repo` do it by themselves when they start; this command does it ahead of time. On
    SQLite it needs the server to be stopped.

    \b
    Example:
      resonance migrate --data-dir /var/lib/resonance
    """
    import asyncio

    from resonance.config.paths import database
    from resonance.engines.sqlite import migrate as engine

    settings = load_options("repo", config, env, data_dir).settings
    if settings.store.kind != "sqlite":
        typer.echo(asyncio.run(_migrate_server(settings)))
        return
    path = database(settings)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(path):
        before = engine.current_version(path) if path.exists() else ""
        changed = engine.migrate(path)
        after = engine.current_version(path)
    typer.echo(f"{path}: {before or 'empty'} -> {after}" if changed else f"{path}: is at {after}, nothing to do")


def migrate_store(
    source: Annotated[str, typer.Option("--from", metavar="URL", envvar="FROM_URL", help="The store to copy.")],
    target: Annotated[str, typer.Option("--to", metavar="URL", envvar="TO_URL", help="An empty one.")],
) -> None:
    """Move everything into another engine: sqlite:PATH, postgresql://… or mysql://….

    Stop the servers first. Both stores are brought to this version's tables; the target has to be empty. A move that
    was cut off goes on where it stopped when the command is given again. At the end the two are compared, every
    conversation by number and hash; after that clients go on as if nothing had been.

    \b
    Example:
      resonance migrate-store --from sqlite:data/resonance.db --to postgresql://user:password@host/database
    """
    import asyncio

    from resonance.stores import store_at

    rows = asyncio.run(_move(store_at(source, existing=True), store_at(target, existing=False)))
    typer.echo(f"moved and compared {rows:,} rows; now let store.kind and store.url name the new store")


def backup(
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The file to write.")],
    data_dir: DataDir = None,
    config: Folder = None,
    env: Env = None,
    force: Force = False,
) -> None:
    """Copy the database into one file, also while the server runs.

    The copy is of one moment, and whatever was acknowledged before that moment is in it. Writers are not held up.

    \b
    Examples:
      resonance backup /backup/resonance.db
      resonance backup --data-dir /var/lib/resonance --force /backup/latest.db
    """
    from resonance.engines.sqlite.backup import backup as copy

    source = _embedded(
        data_dir, config, env, {"postgres": "pg_dump --format=custom", "mysql": "mariadb-dump --single-transaction"}
    )
    if not source.exists():
        fail(f"there is no database at {source}: --data-dir names the folder that holds it")
    with _progress("Copying") as progress:
        copy(source, target, progress, replace=force)
    typer.echo(f"{target}: {target.stat().st_size / 1e6:,.1f} MB, from {source}")
    typer.echo("The signing secret is not in it: without a copy of it, a restore elsewhere logs everybody out.")


def restore(
    source: Annotated[Path, typer.Argument(metavar="BACKUP", help="A file that `resonance backup` wrote.")],
    data_dir: DataDir = None,
    config: Folder = None,
    env: Env = None,
    force: Force = False,
) -> None:
    """Put a backup in the database's place. The server must be stopped.

    A database that is there is kept under another name (and replaced only with --force). The restored one counts as a
    new store: clients throw away what they knew of the old one and fetch everything anew.

    \b
    Examples:
      resonance restore /backup/resonance.db
      resonance restore --data-dir /var/lib/resonance --force /backup/latest.db
    """
    from resonance.engines.sqlite.backup import restore as put_back

    target = _embedded(
        data_dir,
        config,
        env,
        {
            "postgres": "pg_restore, then write a new `epoch` into the table meta",
            "mysql": "mariadb, then write a new `epoch` into the table meta",
        },
    )
    with _progress("Restoring") as progress:
        kept = put_back(source, target, progress, replace=force)
    typer.echo(f"{target}: restored from {source}")
    if kept is not None:
        typer.echo(f"The old database is {kept}; delete it when you do not need it any more.")
    typer.echo(
        "What clients will notice: they fetch everything anew at their next connection; messages, accounts and logins\n"
        "from after the backup are gone, and whoever logged in since has to log in again."
    )


def _embedded(data_dir: Path | None, folder: Path | None, env: str | None, instead: dict[str, str]) -> Path:
    """Return the path of the SQLite file, or say with what another engine's data is copied."""
    from resonance.config.paths import database

    settings = load_options("repo", folder, env, data_dir).settings
    if settings.store.kind != "sqlite":
        fail(
            f"store.kind is {settings.store.kind}, which has tools of its own for that: {instead[settings.store.kind]}"
        )
    return database(settings)


async def _migrate_server(settings: Settings) -> str:
    from resonance.stores import make_store

    store = make_store(settings)
    await store.start()
    store.close()
    await store.join()
    return f"{settings.store.kind}: is at this version's tables"


async def _move(source: SqlStore, target: SqlStore) -> int:
    from resonance.engines.sql.moving import move

    async with _running(source), _running(target):
        with _bar() as (bar, task):
            return await move(
                source,
                target,
                lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
            )


@asynccontextmanager
async def _running(store: SqlStore) -> AsyncIterator[None]:
    """Run a store for a while."""
    await store.start()
    try:
        yield
    finally:
        store.close()
        await store.join()


@contextmanager
def _locked(database: Path) -> Iterator[None]:
    """Hold the lock that a running server holds.

    Raises:
        ServiceError: STORAGE_UNAVAILABLE when a server runs on this database.
    """
    from resonance.engines.sqlite.lock import FileLock

    lock = FileLock(database)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _progress(title: str) -> Iterator[Progress]:
    """Show a bar for what counts its own progress."""
    with _bar(title) as (bar, task):
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _bar(title: str = "") -> Iterator[tuple[Bar, TaskID]]:
    """Show a bar on standard error; only on a terminal."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        yield bar, bar.add_task(title, total=None)
