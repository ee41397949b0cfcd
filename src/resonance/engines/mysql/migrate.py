"""Bringing a database to the present schema.

Alembic writes the statements, and they run one by one on our own connection. Neither server can undo DDL, so a
migration that was cut off is gone through again, and what is there already is passed over.
"""

from __future__ import annotations

import io
import secrets
from pathlib import Path
from typing import Any

import structlog
from asyncmy import Connection
from asyncmy.errors import MySQLError

from resonance.domain.errors import Code, ServiceError
from resonance.engines.mysql.address import Server
from resonance.engines.mysql.tx import MySqlTx
from resonance.engines.sql import migrations
from resonance.ports.store import MAX_TRANSACTION_MS

log = structlog.get_logger(__name__)

_LOCK = "md5(concat('resonance migrates ', database()))"
"""The lock under which one server at a time migrates; held by the connection."""
_DONE = {1050, 1061, 1062}
"""The table is there, the index is there, the row is there."""
_FACT = (
    "INSERT INTO meta (name, value) SELECT :name, ({value}) WHERE NOT EXISTS (SELECT 1 FROM meta WHERE name = :name)"
)
"""`tx.py` says what the facts besides the epoch are for."""
_TIMEOUT_S = 3600.0
"""A statement that changes a large table takes its time."""


async def migrate(connection: Connection, server: Server) -> bool:
    """Make the tables, or bring them up to date; return whether there was anything to do.

    Raises:
        ServiceError: STORAGE_UNAVAILABLE when a newer server wrote the database, or another one is migrating it.
    """
    tx = MySqlTx(connection, _TIMEOUT_S)
    [row] = await tx.all(f"SELECT GET_LOCK({_LOCK}, {MAX_TRANSACTION_MS // 1000}) AS had")
    if not row["had"]:
        raise ServiceError(Code.STORAGE_UNAVAILABLE, "another server migrates this database: try again")
    try:
        return await _migrate(tx, server)
    finally:
        await tx.all(f"SELECT RELEASE_LOCK({_LOCK})")


async def _migrate(tx: MySqlTx, server: Server) -> bool:
    version = await current_version(tx)
    if version is not None and version > migrations.HEAD:
        raise ServiceError(
            Code.STORAGE_UNAVAILABLE,
            f"the database has schema {version}; this server knows up to {migrations.HEAD}: run a newer one",
        )
    if version != migrations.HEAD:
        cut_off = version is not None
        for statement in _statements(version or "", server):
            await _run(tx, statement, cut_off)
    facts = {
        "epoch": f"'{secrets.token_hex(8)}'",
        "outbox": "SELECT coalesce(max(position), 0) FROM outbox",
        "boot": server.boot,
    }
    made = [await tx.run(_FACT.format(value=value), name=name) for name, value in facts.items()]
    if version == migrations.HEAD:
        return any(made)
    log.info("brought the database up to date", before=version or "empty", now=migrations.HEAD)
    return True


async def current_version(tx: MySqlTx) -> str | None:
    """Return the schema's version; "" when its first migration did not end, None for a database without our tables."""
    known = await tx.all("SHOW TABLES LIKE 'alembic_version'")
    if not known:
        return None
    row = await tx.one("SELECT version_num FROM alembic_version")
    return "" if row is None else str(row["version_num"])


async def _run(tx: MySqlTx, statement: str, cut_off: bool) -> None:
    try:
        await tx.script([statement])
    except MySQLError as error:
        if not cut_off or error.args[0] not in _DONE:
            raise


def _statements(version: str, server: Server) -> list[str]:
    """Return the statements from one version to the present one. Imports Alembic: most starts need none of it."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import LargeBinary, String, Text
    from sqlalchemy.ext.compiler import compiles

    def by_bytes(type_: Any, compiler: Any, **kwargs: Any) -> str:
        """Compare handles, ids and names by their bytes, whatever the database's own collation is."""
        name = "LONGTEXT" if isinstance(type_, Text) else compiler.visit_VARCHAR(type_, **kwargs)
        return f"{name} CHARACTER SET utf8mb4 COLLATE {server.collation}"

    def binary(type_: LargeBinary, _compiler: Any, **_: Any) -> str:
        return f"VARBINARY({type_.length})" if type_.length else "LONGBLOB"

    compiles(String, "mysql")(by_bytes)
    compiles(Text, "mysql")(by_bytes)
    compiles(LargeBinary, "mysql")(binary)
    written = io.StringIO()
    config = Config(output_buffer=written)
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["dialect"] = "mysql"
    command.upgrade(config, f"{version or 'base'}:{migrations.HEAD}", sql=True)
    return [statement for part in written.getvalue().split(";\n") if (statement := part.strip())]
