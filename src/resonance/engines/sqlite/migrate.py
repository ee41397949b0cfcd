"""Bringing a database file to the present schema."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

import structlog

from resonance.domain.errors import Code, ServiceError
from resonance.engines.sql import migrations
from resonance.engines.sqlite.connection import connect

log = structlog.get_logger(__name__)


def migrate(path: Path) -> bool:
    """Make the file and its tables, or bring them up to date; return whether there was anything to do.

    Raises:
        ServiceError: STORAGE_UNAVAILABLE when a newer server wrote the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    version = current_version(path)
    if version == migrations.HEAD:
        return False
    if version > migrations.HEAD:
        raise ServiceError(
            Code.STORAGE_UNAVAILABLE,
            f"{path} has schema {version}; this server knows up to {migrations.HEAD}: run a newer one",
        )
    _upgrade(path)
    if version:
        log.info("brought the database up to date", path=str(path), before=version, now=migrations.HEAD)
    else:
        log.info("made a new database", path=str(path))
    return True


def current_version(path: Path) -> str:
    """Return the schema's version, "" for a file without tables."""
    with closing(connect(path)) as connection:
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
        return "" if row is None else str(row[0])


def write_epoch(connection: sqlite3.Connection) -> None:
    """Give the store a new epoch: it is another one from now on, and what clients know of it is void."""
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('epoch', ?)", (secrets.token_hex(8),))


def _upgrade(path: Path) -> None:
    """Run the migrations in one transaction. Alembic is imported here because most starts need none."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    engine = create_engine("sqlite://", creator=lambda: connect(path), poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        command.upgrade(config, migrations.HEAD)
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        if driver.execute("SELECT 1 FROM meta WHERE name = 'epoch'").fetchone() is None:
            write_epoch(driver)
