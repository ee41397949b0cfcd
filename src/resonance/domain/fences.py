"""Order behind a refusal: the messages of one connection to one conversation are stored in sending order, or not yet.

A client may have sent further messages before it learns that one was refused for now. Were they stored, the refused
one, sent again, would come behind them. So they are refused, too, and each keeps its place: nothing passes that was
sent behind one that has yet to come again. A client that sends nothing again waits for `LIFE_S`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import SERVER_KEY_MARK, order_key
from resonance.domain.model import SendAnswer, SendItem

LIFE_S = 10.0
CONNECTIONS = 16_384
"""Connections with fences at once; those of the one whose last was put up longest ago fall for another one's."""
EACH = 512
"""Messages that are waited for from one connection at once, twice the window that clients have by default. Further ones
keep no place; the oldest fence falls for one of another conversation."""

Place = tuple[object, int, str]
"""The way that messages come by, the connection, and the conversation that they go to."""


@dataclass(slots=True)
class _Fence:
    """What keeps back one place.

    Attributes:
        until: when nothing is waited for any more: a while after the last refusal, or after one has come again.
        waiting: by key, the messages that have to come again, with the refs under which they were first sent. Refs
            rise, so a lower one was sent before.
        come: the same of those that have come again, as they may be refused again.
    """

    until: float = 0.0
    waiting: dict[str, int] = field(default_factory=dict)
    come: dict[str, int] = field(default_factory=dict)

    def ref(self, item: SendItem) -> int:
        """Return the ref under which a message was first sent."""
        key = item.client_msg_id
        return self.waiting.get(key) or self.come.get(key) or item.ref


class Fences:
    """The fences that stand now. Messages without a key of the client's make none: sent again, they are new ones."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with none; `clock` is in seconds and never set."""
        self._clock = clock
        # by way and connection, then by conversation, each with what was put up longest ago first
        self._standing: OrderedDict[tuple[object, int], OrderedDict[str, _Fence]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._standing)

    def ref(self, way: object, item: SendItem) -> int:
        """Return the ref under which a message was first sent, as far as that is known."""
        fence = self._find(place_of(way, item))
        return item.ref if fence is None else fence.ref(item)

    def pass_or_refuse(self, way: object, item: SendItem, at: float | None = None) -> bool:
        """Let a message pass; return whether it was waited for.

        Args:
            at: when it came, on the clock; None is now. What came in time and had to queue does not pass for that.

        Raises:
            ServiceError: BUSY for a message that would overtake; it is waited for from now on, but not longer than
                those before it: whoever sends only new messages gets through after a while.
        """
        place = place_of(way, item)
        fence = self._find(place)
        if fence is None:
            return False
        if (self._clock() if at is None else at) >= fence.until:
            self._remove(place)
            return False
        own = fence.ref(item)
        if any(ref < own for ref in fence.waiting.values()):
            if keeps_order(item, Code.BUSY) and self._has_room(place):
                fence.waiting[item.client_msg_id] = own
            raise behind()
        if fence.waiting.pop(item.client_msg_id, None) is None:
            return False
        fence.come[item.client_msg_id] = own
        fence.until = self._clock() + LIFE_S  # the client is about to send the others again
        if not fence.waiting:
            self._remove(place)
        return True

    def put_up(self, way: object, item: SendItem, refusal: Code, at: float | None = None) -> bool:
        """Keep back what follows a message of a connection that was refused for now; return whether it may come again.

        Of several refused messages it is the one sent first that has to come again first, whichever was refused first.

        Args:
            at: when it came, as no message came before that has yet to pass or be refused; None is now.
        """
        if not keeps_order(item, refusal):
            return False
        now = self._clock()
        at = now if at is None else at
        self._take_down_expired(at)
        way, connection, conversation = place = place_of(way, item)
        fences = self._standing.setdefault((way, connection), OrderedDict())
        fence = fences.get(conversation)
        if fence is None or at >= fence.until:
            fence = fences[conversation] = _Fence()
        elif item.client_msg_id in fence.waiting:
            return True
        own = fence.ref(item)
        fence.come.pop(item.client_msg_id, None)
        fence.until = now + LIFE_S
        fences.move_to_end(conversation)
        self._standing.move_to_end((way, connection))
        while len(fences) > 1 and not self._has_room(place):
            fences.popitem(last=False)
        if self._has_room(place):
            fence.waiting[item.client_msg_id] = own
        if len(self._standing) > CONNECTIONS:
            self._standing.popitem(last=False)
        return True

    def take_down(self, way: object, item: SendItem) -> None:
        """Wait no more for a message: it is stored, or refused for good."""
        place = place_of(way, item)
        fence = self._find(place)
        if fence is not None:
            fence.waiting.pop(item.client_msg_id, None)
            fence.come.pop(item.client_msg_id, None)
            if not fence.waiting:
                self._remove(place)

    def first(self, way: object, item: SendItem) -> str | None:
        """Return the key of what a message has to wait for first, None if nothing."""
        fence = self._find(place_of(way, item))
        if fence is None or not fence.waiting:
            return None
        key = min(fence.waiting, key=fence.waiting.__getitem__)
        return key if fence.waiting[key] < fence.ref(item) else None

    # ------------------------------------------------------------ inside

    def _find(self, place: Place) -> _Fence | None:
        way, connection, conversation = place
        fences = self._standing.get((way, connection))
        return None if fences is None else fences.get(conversation)

    def _remove(self, place: Place) -> None:
        way, connection, conversation = place
        fences = self._standing[way, connection]
        del fences[conversation]
        if not fences:
            del self._standing[way, connection]

    def _has_room(self, place: Place) -> bool:
        """Say whether one more message of a connection can be waited for."""
        way, connection, _ = place
        return sum(len(fence.waiting) for fence in self._standing[way, connection].values()) < EACH

    def _take_down_expired(self, at: float) -> None:
        """Take down the fences of connections of which none is waited for any more."""
        while self._standing:
            place, fences = next(iter(self._standing.items()))
            if any(fence.until > at for fence in fences.values()):
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
