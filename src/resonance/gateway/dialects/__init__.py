"""The dialects there are, beside the native protocol. A further one is a folder here and a line in `DIALECTS`."""

from __future__ import annotations

from resonance.config.settings import Settings
from resonance.domain.errors import invalid
from resonance.gateway.dialect import Dialect
from resonance.gateway.dialects.gochat import GoChatDialect
from resonance.gateway.dialects.nexo import NexoDialect
from resonance.gateway.dialects.resonance import ResonanceDialect

DIALECTS: tuple[type[Dialect], ...] = (ResonanceDialect, NexoDialect, GoChatDialect)


ALL = "all"
"""Every dialect that there is, in `dialects.enabled`."""


def enabled(settings: Settings) -> list[Dialect]:
    """Return the dialects that the configuration switches on.

    Raises:
        ServiceError: INVALID_ARGUMENT for a name that no dialect has.
    """
    wanted = settings.dialects.enabled
    known = [dialect.name for dialect in DIALECTS]
    for name in wanted:
        if name not in (ALL, *known):
            raise invalid("dialects.enabled", f"dialects.enabled: {name!r} is none: {', '.join(known)} are, or {ALL}")
    return [dialect(settings) for dialect in DIALECTS if ALL in wanted or dialect.name in wanted]
