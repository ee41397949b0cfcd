"""Instances as keys under a lease: `{prefix}/instances/{service}/{id}` holds the address and the rest as JSON.

One lease per process. Whoever stops saying that it lives is gone when its lease ends; who was only cut off writes its
keys again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping

import orjson
import structlog

from resonance.config.engines import EtcdConfig
from resonance.domain.errors import ServiceError
from resonance.engines.etcd.client import EtcdClient
from resonance.engines.etcd.mirror import Mirror, retry_pause
from resonance.ports.registry import Instance, Registry, Watch

log = structlog.get_logger(__name__)


class EtcdRegistry(Registry):
    """Registers and watches in etcd.

    Args:
        ttl_s: seconds after which a dead instance is gone; it says three times as often that it lives.
    """

    def __init__(self, config: EtcdConfig, ttl_s: int) -> None:
        self._client = EtcdClient(config)
        self._config = config
        self._ttl_s = ttl_s
        self._own: dict[str, str] = {}  # what is to be announced, value by key
        self._announced: dict[str, str] = {}  # what is, under the lease
        self._lease = 0  # 0 when there is none
        self._beating = asyncio.Lock()  # held by whoever talks to etcd about the lease
        self._keeper: asyncio.Task[None] | None = None
        self._lost = False  # whether it was logged that etcd is gone
        self._watches: dict[str, tuple[Watch, Mirror]] = {}

    async def register(self, instance: Instance) -> None:
        """Write the instance's key."""
        self._own[self._key(instance.service, instance.id)] = _dump(instance)
        await self._try_beat()
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name="registration")

    async def watch(self, service: str) -> Watch:
        """Follow the keys of a service."""
        if service not in self._watches:
            watch = Watch()

            def changed(values: Mapping[str, str]) -> None:
                watch.set(instance for id_, text in values.items() if (instance := _load(service, id_, text)))

            mirror = Mirror(self._client, self._key(service, ""), changed)
            self._watches[service] = watch, mirror
            await mirror.start(self._config.timeout)
        return self._watches[service][0]

    async def close(self) -> None:
        """End the lease, if etcd is there, and everything else."""
        for _, mirror in self._watches.values():
            await mirror.close()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        lease, self._lease = self._lease, 0
        if lease:
            try:
                await self._client.revoke(lease)
            except ServiceError as error:
                log.warning("the registration was not taken back: it ends by itself", error=str(error))
        await self._client.close()

    def _key(self, service: str, id_: str) -> str:
        return f"{self._config.prefix}/instances/{service}/{id_}"

    async def _keep(self) -> None:
        """Say again and again that this process lives."""
        while True:
            regular = self._ttl_s / 3 * random.uniform(0.8, 1.0)
            await asyncio.sleep(min(regular, retry_pause()) if self._lost else regular)
            await self._try_beat()

    async def _try_beat(self) -> None:
        try:
            async with self._beating:
                await self._beat()
        except ServiceError as error:
            if not self._lost:
                log.warning("not registered in etcd; it is tried again", error=str(error))
            self._lost = True
        except Exception:
            log.exception("registering in etcd failed; it is tried again")
            self._lost = True
        else:
            if self._lost:
                log.info("registered in etcd")
            self._lost = False

    async def _beat(self) -> None:
        """Make the lease live on, or a new one, and write under it whatever is not there."""
        if self._lease and not await self._client.keep_alive(self._lease):
            log.warning("etcd ended the lease: registering anew")
            self._lease = 0
        if not self._lease:
            self._announced = {}
            self._lease = await self._client.grant(self._ttl_s)
        for key, value in list(self._own.items()):
            # somebody may have deleted it: a person, or one who put an older backup in place
            if self._announced.get(key) != value or not (await self._client.list(key)).kvs:
                await self._client.put(key, value, self._lease)
                self._announced[key] = value


def _dump(instance: Instance) -> str:
    fields = {"address": instance.address, "draining": instance.draining, "metadata": dict(instance.metadata)}
    return orjson.dumps(fields).decode()


def _load(service: str, id_: str, text: str) -> Instance | None:
    """Return the instance that a key tells of; None, and a line in the log, for what we did not write."""
    try:
        fields = orjson.loads(text)
        metadata = {str(name): str(value) for name, value in fields["metadata"].items()}
        return Instance(service, id_, str(fields["address"]), bool(fields["draining"]), metadata)
    except (ValueError, TypeError, KeyError, AttributeError):
        log.warning("an instance in etcd cannot be read", service=service, id=id_, value=text[:200])
        return None
