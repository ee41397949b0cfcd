"""Live configuration in etcd: `{prefix}/config/{key}` holds a key's value as text, as a variable would."""

from __future__ import annotations

from collections.abc import Callable

from resonance.config.engines import EtcdConfig
from resonance.config.sources import Found, read_entries
from resonance.engines.etcd.client import EtcdClient
from resonance.engines.etcd.mirror import Mirror
from resonance.ports.live import LiveSource


class EtcdLive(LiveSource):
    """Follows the keys; the last known ones count while etcd is gone. A transaction changes several at once."""

    def __init__(self, config: EtcdConfig) -> None:
        self._config = config
        self._client = EtcdClient(config)
        self._mirror: Mirror | None = None  # from `start` on

    async def start(self, on_change: Callable[[Found], None]) -> None:
        """List the keys and watch them."""
        prefix = f"{self._config.prefix}/config/"
        self._mirror = Mirror(self._client, prefix, lambda values: on_change(read_entries(values, f"etcd, {prefix}")))
        await self._mirror.start(self._config.timeout)

    async def close(self) -> None:
        """Watch no longer."""
        if self._mirror is not None:
            await self._mirror.close()
        await self._client.close()
