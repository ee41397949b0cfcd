"""Order behind a refusal, over whichever links: what one logic would keep back because of it, no other may take.

Each logic keeps back what comes by a link behind a message that it refused for now (`domain.fences`). A link that is
lost takes that knowledge along; this gateway has seen the refusal, too, and does the same for what goes another way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from resonance.domain.errors import Code
from resonance.domain.fences import Fences, Place, keeps_order, place_of
from resonance.domain.model import SendAnswer, SendItem

_ANY = None
"""The way that messages come by, for the fences: whichever."""


class SendingOrder:
    """What has to wait, of the messages of all connections."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with nothing; `clock` is in seconds and never set."""
        self._fences = Fences(clock)
        # by ref, messages that were on their way when an earlier one was refused: the logic they went to refuses them
        self._held: dict[int, SendItem] = {}
        # by ref, messages that were waited for and are on their way again
        self._again: dict[int, SendItem] = {}

    def check(self, item: SendItem) -> None:
        """Let a message pass that is about to be sent.

        Raises:
            ServiceError: BUSY for one that would overtake.
        """
        if self._fences and self._fences.pass_or_refuse(_ANY, item):
            self._again[item.ref] = item

    def put_up(self, item: SendItem, refusal: Code) -> None:
        """Keep back what follows a message that was refused before it was sent."""
        self._again.pop(item.ref, None)
        self._fences.put_up(_ANY, item, refusal)

    def refused(self, refusals: Iterable[tuple[SendItem, SendAnswer]], on_their_way: Iterable[SendItem]) -> None:
        """Take note of refusals, and of what followed them before their senders could know."""
        fences, held = self._fences, self._held
        first: dict[Place, int] = {}
        for item, answer in refusals:
            if fences.put_up(_ANY, item, Code.of(answer.code)) and item.ref not in held:
                ref = fences.ref(_ANY, item)
                place = place_of(_ANY, item)
                first[place] = min(ref, first.get(place, ref))
        if not first:
            return
        behind = [item for item in on_their_way if place_of(_ANY, item) in first]
        for item in behind:
            if fences.ref(_ANY, item) > first[place_of(_ANY, item)]:
                held[item.ref] = item
                fences.put_up(_ANY, item, Code.BUSY)

    def answered(self, answers: Iterable[SendAnswer]) -> None:
        """Forget messages that are answered, and wait for none that is answered for good."""
        if not self._held and not self._again:
            return
        for answer in answers:
            held, again = self._held.pop(answer.ref, None), self._again.pop(answer.ref, None)
            item = held or again
            if item is not None and not (answer.code and keeps_order(answer, Code.of(answer.code))):
                self._fences.take_down(_ANY, item)

    def divide(self, items: list[SendItem]) -> tuple[list[SendItem], list[SendItem]]:
        """Return those of the messages that may go another way, and those that must not."""
        held = self._held
        if not held:
            return items, []
        return [item for item in items if item.ref not in held], [item for item in items if item.ref in held]
