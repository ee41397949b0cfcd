"""Live configuration of a process: where it is written, and what happens when it changes.

Beside `node.py` the only module that knows engines of live configuration.
"""

from __future__ import annotations

import structlog

from resonance.config import paths
from resonance.config.errors import ConfigError
from resonance.config.live import LiveSettings
from resonance.config.load import Loaded, Role
from resonance.config.sources import Found
from resonance.observe.logging import configure
from resonance.ports.live import LiveSource

log = structlog.get_logger(__name__)


class LiveConfiguration:
    """Keeps the settings of a process as its source says. start → close.

    Attributes:
        settings: of this process; live keys change in them.
    """

    def __init__(self, role: Role, loaded: Loaded) -> None:
        self._role = role
        self._live = LiveSettings(loaded)
        self.settings = self._live.settings
        self._source = self._make_source()

    async def start(self) -> None:
        """Apply what is written, and whatever will be."""
        await self._source.start(self._changed)

    async def close(self) -> None:
        """Leave everything as it is now."""
        await self._source.close()

    def _changed(self, found: Found) -> None:
        try:
            changed = self._live.apply(found)
        except ConfigError as error:
            log.warning("live configuration refused: nothing of it is applied", problems=list(error.problems))
            return
        if "observability.log.level" in changed:
            configure(self.settings.observability.log, self._role)
        if changed:
            log.info("live configuration applied", changed=changed)

    def _make_source(self) -> LiveSource:
        live = self.settings.live
        if live.kind == "etcd":
            from resonance.engines.etcd.live import EtcdLive

            return EtcdLive(self.settings.etcd)
        from resonance.engines.file.live import FileLive

        return FileLive(paths.live_file(self.settings), live.interval)
