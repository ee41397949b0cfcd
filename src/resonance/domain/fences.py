"""Order behind a refusal: the messages of one connection to one conversation are stored in sending order, or not yet.

A client may have sent further messages before it learns that one was refused for now. Were they stored, the refused
one, sent again, would come behind them. So they are refused, too, until the first of them comes again; a client that
never sends it again waits for `LIFE_S`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import SERVER_KEY_MARK
from resonance.domain.model import SendItem

LIFE_S = 10.0
CAPACITY = 16_384
"""Fences that stand at once; the oldest falls for a new one."""

Place = tuple[object, int, str]
"""The way that messages come by, the connection, and the conversation (or the recipient) that they go to."""


class _Fence(NamedTuple):
    key: str  # of the message that has to come again
    until: float


class Fences:
    """The fences that stand now. Messages without a key of the client's make none: sent again, they are new ones."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with none; `clock` is in seconds and never set."""
        self._clock = clock
        self._standing: OrderedDict[Place, _Fence] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._standing)

    def pass_or_refuse(self, way: object, item: SendItem) -> None:
        """Let a message pass, and take the fence down for the one that it waits for.

        Raises:
            ServiceError: BUSY for a message that would overtake.
        """
        place = place_of(way, item)
        fence = self._standing.get(place)
        if fence is None:
            return
        if item.client_msg_id != fence.key and self._clock() < fence.until:
            raise behind()
        del self._standing[place]

    def put_up(self, way: object, item: SendItem, refusal: ServiceError) -> bool:
        """Keep back what follows a message of a connection that was refused for now; return whether that is new: the
        first refusal counts.
        """
        place = place_of(way, item)
        if not keeps_order(item, refusal) or place in self._standing:
            return False
        self._standing[place] = _Fence(item.client_msg_id, self._clock() + LIFE_S)
        if len(self._standing) > CAPACITY:
            self._standing.popitem(last=False)
        return True


def place_of(way: object, item: SendItem) -> Place:
    """Return what the order of a message is kept within."""
    return way, item.connection, item.conversation_id or item.to_user


def keeps_order(item: SendItem, refusal: ServiceError) -> bool:
    """Say whether a refused message is expected again: it may be, it came by a connection, and it has a key."""
    return refusal.code.value.retry and item.connection != 0 and not item.client_msg_id.startswith(SERVER_KEY_MARK)


def behind() -> ServiceError:
    """Return the refusal of a message that would overtake."""
    return ServiceError(Code.BUSY, "an earlier message to this conversation was refused: send that one again first")
