"""Order behind a refusal, over whichever links: what one logic would keep back because of it, no other may take.

Each logic keeps back what comes by a link behind a message that it refused for now (`domain.fences`). A link that is
lost takes that knowledge along; this gateway has seen the refusal, too, and does the same for what goes another way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from resonance.domain.errors import Code
from resonance.domain.fences import Fences, Place, place_of
from resonance.domain.model import SendAnswer, SendItem

_ANY = None
"""The way that messages come by, for the fences: whichever."""


class SendingOrder:
    """What has to wait, of the messages of all connections."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with nothing; `clock` is in seconds and never set."""
        self._fences = Fences(clock)
        # messages that were on their way when an earlier one was refused: the logic they went to refuses them
        self._held: set[int] = set()

    def check(self, item: SendItem) -> None:
        """Let a message pass that is about to be sent.

        Raises:
            ServiceError: BUSY for one that would overtake.
        """
        if self._fences:
            self._fences.pass_or_refuse(_ANY, item)

    def put_up(self, item: SendItem, refusal: Code) -> None:
        """Keep back what follows a message that was refused before it was sent."""
        self._fences.put_up(_ANY, item, refusal)

    def refused(self, refusals: Iterable[tuple[SendItem, SendAnswer]], on_their_way: Iterable[SendItem]) -> None:
        """Take note of refusals, and of what followed them before their senders could know."""
        first: dict[Place, int] = {}
        for item, answer in refusals:
            if item.ref not in self._held and self._fences.put_up(_ANY, item, Code.of(answer.code)):
                first[place_of(_ANY, item)] = item.ref
        if first:
            self._held.update(item.ref for item in on_their_way if item.ref > first.get(place_of(_ANY, item), item.ref))

    def answered(self, answers: Iterable[SendAnswer]) -> None:
        """Forget messages that are answered."""
        if self._held:
            self._held.difference_update(answer.ref for answer in answers)

    def divide(self, items: Sequence[SendItem]) -> tuple[list[SendItem], list[SendItem]]:
        """Return those of the messages that may go another way, and those that must not."""
        held = self._held
        return [item for item in items if item.ref not in held], [item for item in items if item.ref in held]
