"""Derived work over the bus that the configuration asks for, and which of several processes does what. Beside `node.py`
the only module that knows engines of the bus.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from resonance.config import Settings
from resonance.domain.errors import Code, ServiceError
from resonance.engines.outbox.bus import OutboxBus
from resonance.ports.bus import Bus
from resonance.ports.publications import Translation
from resonance.ports.push import OfflinePush
from resonance.ports.store import Store
from resonance.services.delivery import CONSUMERS, Delivery
from resonance.task.leader import Leader, Work
from resonance.task.role import TaskRole

log = structlog.get_logger(__name__)

RELAY = "relay"
"""The consumer of the outbox that publishes it to another bus, and the name of its lease."""


class DerivedWork:
    """The task role of one process among others. start → close.

    Over the outbox one process works, and the others stand by. Over Kafka all work, each on the partitions that it is
    given, and one of them publishes the outbox besides.

    Args:
        owner: this process, to the store's leases; "" when there can be no other.
        translations: events in other systems' words, for their topics on the bus.
    """

    def __init__(
        self,
        store: Store,
        delivery: Delivery,
        push: OfflinePush,
        settings: Settings,
        owner: str,
        translations: Sequence[Translation] = (),
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._push = push
        self._settings = settings
        self._owner = owner
        self._translations = translations
        self._alone: Work | None = None  # what one process at a time does, or what waits for its turn to do it
        self._task: TaskRole | None = None
        self._bus: Bus | None = None

    async def start(self) -> None:
        """Begin.

        Raises:
            ServiceError: INVALID_ARGUMENT when the driver of the bus is not installed.
        """
        if self._settings.bus.kind == "kafka":
            self._start_kafka()
        else:
            await self._forget_relay()
            self._lead("task", lambda: self._role(OutboxBus(self._store)))

    def _start_kafka(self) -> None:
        try:
            from resonance.engines.kafka.bus import KafkaBus
            from resonance.engines.kafka.cluster import Cluster
            from resonance.engines.kafka.relay import Relay
        except ModuleNotFoundError as error:
            raise ServiceError(
                Code.INVALID_ARGUMENT,
                f"bus.kind is kafka, and {error.name} is not installed: pip install 'resonance-im[kafka]'",
                field="bus.kind",
            ) from error
        cluster = Cluster(self._settings.kafka)
        self._bus = KafkaBus(self._store, cluster)
        self._task = self._role(self._bus)
        self._task.start()
        self._lead(RELAY, lambda: Relay(self._store, cluster, RELAY, CONSUMERS, self._translations))

    async def _forget_relay(self) -> None:
        """Let go of what a relay would still need, if there was one: the bus is another one now."""
        try:
            await self._store.forget_consumer(RELAY)
        except ServiceError as exc:
            log.warning("events are kept for a relay until the next start", error=str(exc))

    def _role(self, bus: Bus) -> TaskRole:
        return TaskRole(self._store, bus, self._delivery, self._push, self._settings)

    def _lead(self, name: str, work: Callable[[], Work]) -> None:
        lease = self._settings.bus.lease
        self._alone = Leader(self._store, name, self._owner, lease, work) if self._owner else work()
        self._alone.start()

    async def close(self) -> None:
        """Stop; uncommitted events come again, here or in another process."""
        if self._alone is not None:
            await self._alone.close()
        if self._task is not None:
            await self._task.close()
        if self._bus is not None:
            await self._bus.close()
