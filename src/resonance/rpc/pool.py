"""Channels to every instance of a service, as the registry knows them, and whose turn it is."""

from __future__ import annotations

import asyncio

import structlog

from resonance.config.settings import Rpc
from resonance.domain.errors import Code, ServiceError
from resonance.ports.registry import Instance, Watch
from resonance.rpc.channel import Channel, open_channel
from resonance.rpc.endpoints import Endpoint
from resonance.rpc.picking import ranking, willing

log = structlog.get_logger(__name__)


class Pool:
    """A channel per address, opened with its first turn and closed when its instance is gone.

    When the registry knows nobody any more, those known before are still called: either they are gone, and calling
    shows it, or the registry has lost its memory.

    Args:
        service: its name, for messages.
    """

    def __init__(self, service: str, watch: Watch, settings: Rpc) -> None:
        self.deadline = settings.deadline  # longest time of a call, in seconds
        self._service = service
        self.watch = watch
        self._settings = settings
        self._seen: tuple[Instance, ...] = ()  # the set that `_known` is of
        self._known: list[Instance] = []  # whom to call; one per address
        self._turn = 0
        self._channels: dict[str, Channel] = {}  # by address
        self._retiring: set[asyncio.Task[None]] = set()  # each closes the channel of an instance that is gone

    def pick(self, key: str = "") -> Channel:
        """Return the channel for a call: round robin over those that want work and can be reached, or by key.

        Args:
            key: calls with the same one go to the same instance, in all processes, as long as it can be reached.

        Raises:
            ServiceError: UNAVAILABLE, nobody is known.
        """
        known = self._willing()
        if key:
            order = ranking(key, known)
        else:
            self._turn = (self._turn + 1) % len(known)
            order = known[self._turn :] + known[: self._turn]
        channels = (self._channel(instance.address) for instance in order)
        return next((channel for channel in channels if not channel.shunned), self._channel(order[0].address))

    async def close(self) -> None:
        """Close every channel; calls on them end as UNAVAILABLE or DEADLINE."""
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))

    def _willing(self) -> list[Instance]:
        self._refresh()
        if not self._known:
            raise ServiceError(Code.UNAVAILABLE, f"no instance of {self._service} is known")
        return self._known

    def _refresh(self) -> None:
        """Take over a set that has changed."""
        instances = self.watch.instances
        if instances is self._seen or not instances:
            return
        self._seen = instances
        callable_ones = [instance for instance in instances if self._has_address(instance)]
        self._known = list({instance.address: instance for instance in willing(callable_ones)}.values())
        addresses = {instance.address for instance in instances}
        for address in self._channels.keys() - addresses:
            task = asyncio.create_task(self._channels.pop(address).close(self.deadline))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    def _has_address(self, instance: Instance) -> bool:
        try:
            Endpoint.parse(instance.address)
        except ValueError as exc:
            log.error("an instance cannot be called", service=self._service, instance=instance.id, error=str(exc))
            return False
        return True

    def _channel(self, address: str) -> Channel:
        channel = self._channels.get(address)
        if channel is None:
            channel = self._channels[address] = open_channel(address, self._settings)
        return channel
