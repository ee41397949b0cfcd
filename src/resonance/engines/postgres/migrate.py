"""Bringing a database to the present schema.

Alembic writes the statements, and they run on our own connection in one transaction: no second driver is needed.
"""

from __future__ import annotations

import io
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from resonance.domain.errors import Code, ServiceError
from resonance.engines.sql import migrations

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

log = structlog.get_logger(__name__)

_LOCK = 0x6D696772
"""The advisory lock under which one server at a time migrates."""


async def migrate(connection: Connection) -> bool:
    """Make the tables, or bring them up to date; return whether there was anything to do.

    Raises:
        ServiceError: STORAGE_UNAVAILABLE when a newer server wrote the database.
    """
    async with connection.transaction():
        await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
        version = await current_version(connection)
        if version == migrations.HEAD:
            return False
        if version > migrations.HEAD:
            raise ServiceError(
                Code.STORAGE_UNAVAILABLE,
                f"the database has schema {version}; this server knows up to {migrations.HEAD}: run a newer one",
            )
        await connection.execute(_script(version))
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM meta WHERE name = 'epoch')"):
            await connection.execute("INSERT INTO meta (name, value) VALUES ('epoch', $1)", secrets.token_hex(8))
    log.info("brought the database up to date", before=version or "empty", now=migrations.HEAD)
    return True


async def current_version(connection: Connection) -> str:
    """Return the schema's version, "" for a database without our tables."""
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return ""
    return str(await connection.fetchval("SELECT version_num FROM alembic_version") or "")


def _script(version: str) -> str:
    """Return the statements from one version to the present one. Imports Alembic: most starts need none of it."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import String
    from sqlalchemy.ext.compiler import compiles

    def by_bytes(type_: String, compiler: Any, **kwargs: Any) -> str:
        """Compare handles, ids and names by their bytes, whatever the database's own collation is."""
        return f'{compiler.visit_VARCHAR(type_, **kwargs)} COLLATE "C"'

    compiles(String, "postgresql")(by_bytes)
    written = io.StringIO()
    config = Config(output_buffer=written)
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["dialect"] = "postgresql"
    command.upgrade(config, f"{version or 'base'}:{migrations.HEAD}", sql=True)
    return written.getvalue()
