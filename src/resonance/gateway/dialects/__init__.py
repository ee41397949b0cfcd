"""The dialects there are, beside the native protocol. A further one is a folder here and a line in `DIALECTS`."""

from __future__ import annotations

from resonance.config.settings import Settings
from resonance.gateway.dialect import Dialect
from resonance.gateway.dialects.gochat import GoChatDialect
from resonance.gateway.dialects.nexo import NexoDialect
from resonance.gateway.dialects.resonance import ResonanceDialect

DIALECTS: tuple[type[Dialect], ...] = (ResonanceDialect, NexoDialect, GoChatDialect)


def enabled(settings: Settings) -> list[Dialect]:
    """Return the dialects that the configuration switches on."""
    return [dialect(settings) for dialect in DIALECTS if dialect.name in settings.dialects.enabled]
