"""Whether this process lives and whether it should be given work."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PATHS = frozenset({"/healthz", "/health", "/readyz", "/ready"})
"""Where health is asked for: never limited, and not worth a log line."""


class Health:
    """What keeps this process from being ready. All calls come from the event loop; there is nothing to lock.

    A new one is not ready: whoever starts the process clears `start` when every part runs, blocks `stop` when it
    begins to close, and the link to logic blocks and clears `uplink`.
    """

    def __init__(self) -> None:
        # why we are not ready, by part; empty means ready
        self._reasons: dict[str, str] = {"start": "starting"}

    def block(self, part: str, reason: str) -> None:
        """Say that a part keeps the process from being ready, and why (shown to whoever asks /readyz)."""
        self._reasons[part] = reason

    def clear(self, part: str) -> None:
        """Say that a part no longer keeps the process from being ready; harmless when it did not."""
        self._reasons.pop(part, None)

    @property
    def ready(self) -> bool:
        """Whether nothing blocks."""
        return not self._reasons

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why the process is not ready, by part."""
        return MappingProxyType(self._reasons)
