"""Instances as the configuration lists them: `endpoints`, an address or several per service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from resonance.domain.errors import invalid
from resonance.ports.registry import Instance, Registry, Watch


class StaticRegistry(Registry):
    """Knows what it was told at start; nobody hears of announcements.

    Args:
        endpoints: addresses by service name.
    """

    def __init__(self, endpoints: Mapping[str, Sequence[str]]) -> None:
        self._endpoints = endpoints

    async def register(self, instance: Instance) -> None:
        """Do nothing: others have their configuration."""

    async def watch(self, service: str) -> Watch:
        """Return the configured set."""
        if service not in self._endpoints:
            known = ", ".join(sorted(self._endpoints))
            raise invalid("endpoints", f"endpoints has no address for {service}; it has {known}")
        watch = Watch()
        watch.set(Instance(service, address, address) for address in self._endpoints[service])
        return watch

    async def close(self) -> None:
        """Do nothing."""
