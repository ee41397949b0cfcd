"""Who is there: instances of roles register, callers watch. The set that a caller holds is advice, never truth.

A caller may be called by an instance that it does not know of, and may know one that is gone: it finds out by calling.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Instance:
    """One process that does a role's work.

    Attributes:
        service: what it is one of, by the name that callers know: `logic-service`.
        id: unlike that of every other process, also of its own former lives.
        address: where it is called, `unix:path` or `host:port`.
        draining: it finishes what it has, and wants no new work.
        metadata: whatever people and tools may want to know, such as where its metrics are.
    """

    service: str
    id: str
    address: str
    draining: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


class Watch:
    """The changing set of a service's instances, as far as is known here. An engine keeps it, a caller reads it.

    Attributes:
        instances: the last known set, sorted by id; another tuple after each change. It stays when the registry is
            out of reach or closed.
    """

    def __init__(self) -> None:
        self.instances: tuple[Instance, ...] = ()
        self._changed = asyncio.Event()

    def set(self, instances: Iterable[Instance]) -> None:
        """Replace the set. For engines."""
        ordered = tuple(sorted(instances, key=lambda instance: instance.id))
        if ordered != self.instances:
            self.instances = ordered
            self._changed.set()
            self._changed = asyncio.Event()

    async def wait(self, known: tuple[Instance, ...]) -> tuple[Instance, ...]:
        """Return the set as soon as it is another than `known`. It may have changed several times by then."""
        while self.instances == known:
            await self._changed.wait()
        return self.instances


class Registry(ABC):
    """Where instances announce themselves and find one another."""

    @abstractmethod
    async def register(self, instance: Instance) -> None:
        """Announce an instance of this process until `close`, or announce what has changed about it.

        Returns once others can know. When the registry is out of reach that is later: the announcement is made when it
        returns, and made again whenever the registry has forgotten it. Never raises for that.
        """

    @abstractmethod
    async def watch(self, service: str) -> Watch:
        """Return the set of a service's instances, known already if the registry can be reached now.

        It follows changes until `close`. An instance that died without a word is gone from it
        within the time-to-live that the engine was given.

        Raises:
            ServiceError: INVALID_ARGUMENT when the engine knows all services and this is none of them.
        """

    @abstractmethod
    async def close(self) -> None:
        """Take the announcements back and follow no longer; sets stay as they are. Idempotent."""
