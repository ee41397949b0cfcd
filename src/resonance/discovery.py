"""How a process finds those of other roles, and is found by them: configuration → registry. Beside `node.py` the only
module that knows registry engines.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import structlog

import resonance
from resonance.config import Settings, paths
from resonance.config.load import Role
from resonance.engines.static.registry import StaticRegistry
from resonance.ports.registry import Instance, Registry, Watch
from resonance.rpc.endpoints import Endpoint
from resonance.rpc.pool import Pool

log = structlog.get_logger(__name__)

TASK_SERVICE = "task-service"
"""What task is registered as; nobody calls it."""
JOIN_S = 3.0
"""Longest time that a new logic waits for gateways to link."""
_ADDRESSES = {"gateway": "grpc", "logic": "logic", "repo": "repo"}
"""Which of the addresses of a role's process is the one that others call."""
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104


class Discovery:
    """One process among the others. announce → drain → close; pools may be asked for at any time before."""

    def __init__(self, role: Role, settings: Settings) -> None:
        self._role = role
        self._settings = settings
        self._registry = make_registry(settings)
        self._pools: list[Pool] = []
        self._own: Instance | None = None  # as it was announced last

    async def pool(self, service: str) -> Pool:
        """Return channels to the instances of a service.

        Raises:
            ServiceError: INVALID_ARGUMENT when the configuration should name it and does not.
        """
        pool = Pool(service, await self._registry.watch(service), self._settings.rpc)
        self._pools.append(pool)
        return pool

    async def announce(self, addresses: Mapping[str, str], linked: Callable[[], int] | None = None) -> None:
        """Let others know that this process is ready.

        Args:
            addresses: where it listens, by name.
            linked: how many gateways are linked to this logic. It wants no work before all that are known are: what it
                is given to deliver until then would not reach their users.
        """
        settings = self._settings
        services = {
            "gateway": settings.service.name,
            "logic": settings.logic_service_name,
            "repo": settings.repo_service_name,
        }
        address = addresses.get(_ADDRESSES.get(self._role, ""), "")
        known = {name: value for name, value in addresses.items() if name in {"http", "metrics"}}
        self._own = Instance(
            services.get(self._role, TASK_SERVICE),
            f"{self._role}-{settings.service.instance:03}-{secrets.token_hex(4)}",
            reachable(address, settings.registry.advertise) if address else "",
            metadata={**known, "role": self._role, "pid": str(os.getpid()), "version": resonance.__version__},
        )
        if linked is not None and settings.registry.kind != "static":
            await self._registry.register(replace(self._own, draining=True))
            await self._wait_linked(await self._registry.watch(settings.service.name), linked)
        await self._registry.register(self._own)

    async def _wait_linked(self, gateways: Watch, linked: Callable[[], int]) -> None:
        """Wait until every gateway has found this logic, but not for those that died without a word."""
        end = time.monotonic() + JOIN_S
        while linked() < len(gateways.instances) and time.monotonic() < end:  # noqa: ASYNC110 - links tell nobody
            await asyncio.sleep(JOIN_S / 60)

    async def drain(self) -> None:
        """Say that no new work is wanted, and give callers the time to hear of it."""
        if self._own is None or self._settings.registry.kind == "static":
            return
        self._own = replace(self._own, draining=True)
        await self._registry.register(self._own)
        log.info("draining", instance=self._own.id)
        await asyncio.sleep(self._settings.registry.settle)

    async def close(self) -> None:
        """Leave: nobody is to call this process any more, and it calls nobody."""
        for pool in self._pools:
            await pool.close()
        await self._registry.close()


def reachable(address: str, advertise: str | None) -> str:
    """Return a listening address as other processes have to call it.

    Args:
        advertise: the host that others know this machine by; None takes the one that is listened on.
    """
    endpoint = Endpoint.parse(address)
    if endpoint.path is not None:
        return f"unix:{Path(endpoint.path).absolute()}"
    host = advertise or (socket.gethostname() if endpoint.host in _EVERYWHERE else endpoint.host)
    return Endpoint(host=host, port=endpoint.port).target


def make_registry(settings: Settings) -> Registry:
    """Return the registry that the configuration asks for."""
    if settings.registry.kind == "etcd":
        from resonance.engines.etcd.registry import EtcdRegistry

        return EtcdRegistry(settings.etcd, settings.registry.ttl)
    return StaticRegistry(
        {
            service: [paths.address(settings, part.strip()) for part in addresses.split(",")]
            for service, addresses in settings.endpoints.items()
        }
    )
