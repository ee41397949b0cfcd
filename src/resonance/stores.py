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
    return _postgres(settings) if settings.store.kind == "postgres" else _sqlite(settings)


def _sqlite(settings: Settings) -> SqlStore:
    from resonance.engines.sqlite.store import SqliteStore

    if settings.store.synchronous != "full":
        log.warning("a power cut can lose acked messages", **{"store.synchronous": settings.store.synchronous})
    return SqliteStore(paths.database(settings), settings.store)


def _postgres(settings: Settings) -> SqlStore:
    try:
        from resonance.engines.postgres.store import PostgresStore
    except ModuleNotFoundError as error:
        raise ServiceError(
            Code.INVALID_ARGUMENT,
            f"store.kind is postgres, and {error.name} is not installed: pip install 'resonance-im[postgres]'",
            field="store.kind",
        ) from error
    return PostgresStore(settings.store)
