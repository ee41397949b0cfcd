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
from resonance.domain.ids import SERVER_KEY_MARK, order_key
from resonance.domain.model import SendAnswer, SendItem

LIFE_S = 10.0
CONNECTIONS = 16_384
"""Connections with fences at once; those of the one whose last was put up longest ago fall for another one's."""
EACH = 256
"""Fences that one connection has at once; its oldest falls for a new one."""

Place = tuple[object, int, str]
"""The way that messages come by, the connection, and the conversation that they go to."""


class _Fence(NamedTuple):
    key: str  # of the message that has to come again
    ref: int  # of that message: refs rise, so a lower one was sent before it and does not overtake
    until: float


class Fences:
    """The fences that stand now. Messages without a key of the client's make none: sent again, they are new ones."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with none; `clock` is in seconds and never set."""
        self._clock = clock
        # by way and connection, then by conversation, each with what was put up longest ago first
        self._standing: OrderedDict[tuple[object, int], OrderedDict[str, _Fence]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._standing)

    def pass_or_refuse(self, way: object, item: SendItem) -> None:
        """Let a message pass, and take the fence down for the one that it waits for.

        Raises:
            ServiceError: BUSY for a message that would overtake.
        """
        way, connection, conversation = place_of(way, item)
        fences = self._standing.get((way, connection))
        fence = fences.get(conversation) if fences else None
        if fences is None or fence is None or item.ref < fence.ref:
            return
        if item.client_msg_id != fence.key and self._clock() < fence.until:
            raise behind()
        del fences[conversation]
        if not fences:
            del self._standing[way, connection]

    def put_up(self, way: object, item: SendItem, refusal: Code) -> bool:
        """Keep back what follows a message of a connection that was refused for now; return whether that is new.

        Of several refused messages it is the one sent first that has to come again first, whichever was refused first.
        """
        if not keeps_order(item, refusal):
            return False
        now = self._clock()
        self._take_down_expired(now)
        way, connection, conversation = place_of(way, item)
        fences = self._standing.setdefault((way, connection), OrderedDict())
        fence = fences.get(conversation)
        if fence is not None and fence.ref <= item.ref and fence.key != item.client_msg_id and now < fence.until:
            return False
        fences[conversation] = _Fence(item.client_msg_id, item.ref, now + LIFE_S)
        fences.move_to_end(conversation)
        self._standing.move_to_end((way, connection))
        if len(fences) > EACH:
            fences.popitem(last=False)
        if len(self._standing) > CONNECTIONS:
            self._standing.popitem(last=False)
        return True

    def _take_down_expired(self, now: float) -> None:
        """Take down the fences of connections of which none is waited for any more."""
        while self._standing:
            place, fences = next(iter(self._standing.items()))
            if fences[next(reversed(fences))].until > now:
                break
            del self._standing[place]


def place_of(way: object, item: SendItem) -> Place:
    """Return what the order of a message is kept within."""
    return way, item.connection, order_key(item.conversation_id, item.sender, item.to_user)


def keeps_order(message: SendItem | SendAnswer, refusal: Code) -> bool:
    """Say whether a refused message is expected again: it may be, it came by a connection, and it has a key."""
    return refusal.value.retry and message.connection != 0 and not message.client_msg_id.startswith(SERVER_KEY_MARK)


def behind() -> ServiceError:
    """Return the refusal of a message that would overtake."""
    return ServiceError(Code.BUSY, "an earlier message to this conversation was refused: send that one again first")
