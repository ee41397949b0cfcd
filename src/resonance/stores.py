"""The store that the configuration asks for: the one place that knows which engines there are."""

from __future__ import annotations

import structlog

from resonance.config import Settings, paths
from resonance.domain.errors import Code, ServiceError
from resonance.engines.sql.store import SqlStore

log = structlog.get_logger(__name__)


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
