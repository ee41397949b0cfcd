"""How a gateway gets its link to logic, wherever logic runs: the abstract classes, and the way within one process."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from resonance.ports.registry import Instance, Watch
from resonance.services.link import DownFrame, LinkService, UpFrame

log = structlog.get_logger(__name__)


class Connection(ABC):
    """One open link, seen from the gateway."""

    @abstractmethod
    def send(self, frame: UpFrame) -> None:
        """Put a frame on its way up, behind those before it. Never blocks; after a loss it goes nowhere.

        Raises:
            ValueError: the frame holds what no packet can carry (half a surrogate pair, an integer over 64 bits);
                nothing was sent.
        """

    @abstractmethod
    async def close(self) -> None:
        """End the link: frames already sent still go up, none comes down any more. Idempotent."""


class Connector(ABC):
    """Opens links to one logic."""

    @abstractmethod
    async def connect(self, on_frame: Callable[[DownFrame], None], on_lost: Callable[[], None]) -> Connection:
        """Open a link.

        Args:
            on_frame: takes the frames from logic in order, never from within `Connection.send`. A frame that it
                raises for loses the link.
            on_lost: called once when the link ends for any reason but `Connection.close`; no frame comes after it.

        Raises:
            ServiceError: UNAVAILABLE or DEADLINE when logic cannot be reached.
        """


@dataclass(frozen=True, slots=True)
class Logics:
    """The logics that a gateway links to: the changing set of them, and how to open links to each."""

    watch: Watch
    connector: Callable[[Instance], Connector]

    @classmethod
    def only(cls, connector: Connector) -> Logics:
        """Return a set of one that stays."""
        watch = Watch()
        watch.set([Instance("logic", "logic", "")])
        return cls(watch, lambda _instance: connector)


class DirectConnector(Connector):
    """Links to a logic in the same process; frames are handed over as they are."""

    def __init__(self, service: LinkService) -> None:
        self._service = service

    async def connect(self, on_frame: Callable[[DownFrame], None], on_lost: Callable[[], None]) -> Connection:
        """Open a link by calling the service."""
        return LocalConnection(self._service, on_frame, on_lost)


class LocalConnection(Connection):
    """A link without a wire. Down frames wait for the next loop tick, so neither side runs inside the other."""

    def __init__(
        self, service: LinkService, on_frame: Callable[[DownFrame], None], on_lost: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._down: deque[DownFrame] = deque()  # sent by logic, not yet handed over
        self._scheduled = False  # whether `_flush` runs in the next tick
        self._ending = False  # logic ended the link, or a side failed: lost once `_down` is handed over
        self._over = False  # closed or lost
        self._session = service.open(self._receive, self._end)

    def send(self, frame: UpFrame) -> None:
        """Hand a frame to logic."""
        if self._over:
            return
        try:
            self._session.receive(frame)
        except Exception:
            log.exception("logic failed on a frame: the link is lost", frame=type(frame).__name__)
            self._end()

    async def close(self) -> None:
        """End the link."""
        if not self._over:
            self._over = True
            self._session.lost()

    def _receive(self, frame: DownFrame) -> None:
        if not (self._over or self._ending):
            self._down.append(frame)
            self._schedule()

    def _end(self) -> None:
        self._ending = True
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        try:
            while self._down and not self._over:
                self._on_frame(self._down.popleft())
        except Exception:
            log.exception("the gateway failed on a frame: the link is lost")
            self._ending = True
        if self._ending and not self._over:
            self._over = True
            self._session.lost()
            self._on_lost()
