"""The task role: dispatchers over the bus with the processors that the configuration asks for."""

from __future__ import annotations

from resonance.config import Settings
from resonance.ports.bus import Bus
from resonance.ports.push import OfflinePush
from resonance.ports.store import Store
from resonance.services.delivery import CONSUMERS, Delivery
from resonance.task.audiences import Audiences
from resonance.task.dispatcher import Dispatcher
from resonance.task.processor import Processor
from resonance.task.processors.fanout import Fanout
from resonance.task.processors.inbox import EagerInbox
from resonance.task.processors.offline import OfflineNotifier
from resonance.task.processors.receipts import GroupReceipts, SingleReceipts
from resonance.task.processors.signals import StateSignals

MAIN, COALESCED = CONSUMERS


class TaskRole:
    """Everything of task; start it when store and logic are there."""

    def __init__(self, store: Store, bus: Bus, delivery: Delivery, push: OfflinePush, settings: Settings) -> None:
        audiences = Audiences(store)
        processors: list[Processor] = [
            Fanout(store, delivery, audiences),
            SingleReceipts(store, delivery),
            StateSignals(store, delivery),
            OfflineNotifier(store, delivery, audiences, push),
        ]
        if settings.inbox == "eager":
            processors.append(EagerInbox(store, audiences))
        group_receipts = GroupReceipts(store, delivery, settings.receipts)
        self._dispatchers = [
            Dispatcher(bus, store, MAIN, processors),
            Dispatcher(bus, store, COALESCED, [group_receipts], linger=settings.receipts.coalesce),
        ]

    def start(self) -> None:
        """Begin to consume."""
        for dispatcher in self._dispatchers:
            dispatcher.start()

    async def close(self) -> None:
        """Stop; uncommitted events come again at the next start."""
        for dispatcher in self._dispatchers:
            await dispatcher.close()
