"""A copy of the keys below a prefix that follows etcd: listed once, then watched from there.

When etcd is gone the copy stays; when it is back, the watch goes on at the revision where it was. It is listed anew
when etcd no longer knows that revision (it was compacted), or never did (it lost its data, or is another one).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import aclosing

import structlog

from resonance._proto.etcd.v3 import etcd_pb2 as pb
from resonance.domain.errors import Code, ServiceError
from resonance.engines.etcd.client import EtcdClient

log = structlog.get_logger(__name__)

RETRY_S = 1.0
"""Mean pause between attempts to reach etcd; each is between half and one and a half of it, lest all come at once."""


def retry_pause() -> float:
    """Return how long to wait before etcd is tried again, in seconds."""
    return RETRY_S * random.uniform(0.5, 1.5)


class Mirror:
    """Follows a prefix from `start` to `close`.

    Args:
        on_change: gets the values by key, without the prefix, after every change and after each listing.
    """

    def __init__(self, client: EtcdClient, prefix: str, on_change: Callable[[Mapping[str, str]], None]) -> None:
        self._client = client
        self._prefix = prefix
        self._on_change = on_change
        self._values: dict[str, str] = {}
        self._cluster = 0  # whose revisions we count by
        self._revision = 0  # up to which `_values` holds; 0 before the first listing and when it has to be made anew
        self._lost = False  # whether it was logged that etcd is gone
        self._listed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self, patience_s: float) -> None:
        """Begin to follow; return once the keys are known, or without them when that takes too long."""
        self._task = asyncio.create_task(self._run(), name=f"etcd {self._prefix}")
        waiting = asyncio.create_task(self._listed.wait())
        await asyncio.wait({waiting}, timeout=patience_s)
        waiting.cancel()

    async def close(self) -> None:
        """Stop following. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except ServiceError as error:
                if not self._lost:
                    self._lost = True
                    log.warning("etcd is out of reach: the last known counts", prefix=self._prefix, error=str(error))
                await asyncio.sleep(retry_pause())
            except Exception:
                log.exception("following etcd failed; it is begun anew", prefix=self._prefix)
                self._revision = 0
                await asyncio.sleep(retry_pause())

    async def _follow(self) -> None:
        """List if need be and watch, until the watch is lost (raises), or over or without a beginning (returns)."""
        if not self._revision:
            listed = await self._client.list(self._prefix)
            self._values = {self._name(kv): _text(kv) for kv in listed.kvs}
            self._cluster, self._revision = listed.header.cluster_id, listed.header.revision
            self._on_change(self._values)
            self._listed.set()
        async with aclosing(self._client.watch(self._prefix, self._revision + 1)) as watching:
            async for response in watching:
                if not self._take(response):
                    self._revision = 0
                    return

    def _take(self, response: pb.WatchResponse) -> bool:
        """Take over what a response tells; return whether the watch still goes on from what is known."""
        if response.compact_revision:
            return False
        if response.canceled:
            raise ServiceError(Code.UNAVAILABLE, f"etcd ended the watch: {response.cancel_reason}")
        header = response.header
        if header.cluster_id != self._cluster or header.revision < self._revision:
            return False
        if self._lost:
            self._lost = False
            log.info("etcd is back", prefix=self._prefix)
        for event in response.events:
            if event.type == pb.Event.DELETE:
                self._values.pop(self._name(event.kv), None)
            else:
                self._values[self._name(event.kv)] = _text(event.kv)
        # a header tells etcd's own revision, which with events and "created" may be ahead of what we were given
        if response.events:
            self._revision = response.events[-1].kv.mod_revision
            self._on_change(self._values)
        elif not response.created:
            self._revision = header.revision
        return True

    def _name(self, kv: pb.KeyValue) -> str:
        return kv.key.decode(errors="replace").removeprefix(self._prefix)


def _text(kv: pb.KeyValue) -> str:
    return kv.value.decode(errors="replace")
