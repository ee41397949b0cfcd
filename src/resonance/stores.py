"""The store that the configuration asks for: the one place that knows which engines there are."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import structlog
from pydantic import SecretStr

from resonance.config import Settings, paths
from resonance.config.engines import StoreConfig
from resonance.domain.errors import Code, ServiceError
from resonance.engines.sql.store import SqlStore

log = structlog.get_logger(__name__)

_SCHEMES: dict[str, Literal["postgres", "mysql"]] = {
    "postgresql": "postgres",
    "postgres": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
}
"""Kinds of stores by how the addresses of their servers begin."""


def make_store(settings: Settings) -> SqlStore:
    """Return the store, not started yet. Its driver is imported here, and no other engine's.

    Raises:
        ServiceError: INVALID_ARGUMENT when the driver is not installed, or the configuration says too little.
    """
    makers = {"sqlite": _sqlite, "postgres": _postgres, "mysql": _mysql}
    try:
        return makers[settings.store.kind](settings)
    except ModuleNotFoundError as error:
        kind = settings.store.kind
        raise ServiceError(
            Code.INVALID_ARGUMENT,
            f"store.kind is {kind}, and {error.name} is not installed: pip install 'resonance-im[{kind}]'",
            field="store.kind",
        ) from error


def store_at(url: str, *, existing: bool) -> SqlStore:
    """Return the store at an address, not started yet: `sqlite:PATH`, or one that `store.url` takes.

    Args:
        existing: whether a file has to be there already.

    Raises:
        ServiceError: INVALID_ARGUMENT for an address of no engine, or without a store.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite":
        path = Path(rest.removeprefix("//")).absolute()
        if existing and not path.exists():
            raise ServiceError(Code.INVALID_ARGUMENT, f"there is no database at {path}")
        return make_store(Settings(store=StoreConfig(path=path)))
    if scheme not in _SCHEMES:
        known = ", ".join(sorted({"sqlite", *_SCHEMES}))
        raise ServiceError(Code.INVALID_ARGUMENT, f"an address begins with one of {known}, not with {scheme[:20]!r}")
    return make_store(Settings(store=StoreConfig(kind=_SCHEMES[scheme], url=SecretStr(url))))


def _sqlite(settings: Settings) -> SqlStore:
    from resonance.engines.sqlite.store import SqliteStore

    if settings.store.synchronous != "full":
        log.warning("a power cut can lose acked messages", **{"store.synchronous": settings.store.synchronous})
    return SqliteStore(paths.database(settings), settings.store)


def _postgres(settings: Settings) -> SqlStore:
    from resonance.engines.postgres.store import PostgresStore

    return PostgresStore(settings.store)


def _mysql(settings: Settings) -> SqlStore:
    from resonance.engines.mysql.store import MySqlStore

    return MySqlStore(settings.store)
