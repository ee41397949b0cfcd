"""Which link a message takes: its conversation's, and the one before until what is on its way there is answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from resonance.domain.ids import order_key
from resonance.domain.model import SendAnswer, SendItem
from resonance.gateway.logic_link import LogicLink
from resonance.rpc.picking import by_key, willing

REMEMBERED = 65_536
"""Conversations whose choice is remembered; choosing costs a hash per link."""


class Spread:
    """Divides messages over links such that those of one conversation are on one link at a time.

    Links that come or go move conversations. One with unanswered messages stays where it is until they
    are answered: on two links at once, the later message could be stored first.

    Attributes:
        only: the link that everything takes, when there is just one to choose.
    """

    def __init__(self) -> None:
        self.only: LogicLink | None = None
        self._links: dict[str, LogicLink] = {}  # that take new work, by instance
        self._choices: dict[str, LogicLink] = {}
        # conversations that have to stay: their link, and their unanswered messages by ref
        self._staying: dict[str, tuple[LogicLink, set[int]]] = {}
        self._places: dict[int, str] = {}  # of those messages

    def over(self, up: Sequence[LogicLink]) -> None:
        """Choose among these links from now on."""
        wanted = {instance.id for instance in willing(link.instance for link in up)}
        links = {link.instance.id: link for link in up if link.instance.id in wanted}
        if links != self._links or any(link not in up for link, _ in self._staying.values()):
            self._links = links
            self._choices.clear()
            self._stay(up)
        self._find_only()

    def _stay(self, up: Iterable[LogicLink]) -> None:
        """Take note of the conversations with messages on their way."""
        self._staying.clear()
        self._places.clear()
        if len(list(up)) < 2:
            return
        for link in up:
            for ref, item in link.unanswered.items():
                self._add(link, ref, order_key(item.conversation_id, item.sender, item.to_user))

    def _add(self, link: LogicLink, ref: int, place: str) -> None:
        self._staying.setdefault(place, (link, set()))[1].add(ref)
        self._places[ref] = place

    def _find_only(self) -> None:
        self.only = next(iter(self._links.values())) if len(self._links) == 1 and not self._staying else None

    def divide(self, items: Iterable[SendItem]) -> list[tuple[LogicLink, list[SendItem]]]:
        """Return messages by link, each link's in order."""
        parts: dict[str, tuple[LogicLink, list[SendItem]]] = {}
        for item in items:
            link = self._choose(item)
            part = parts.get(link.instance.id)
            if part is None:
                part = parts[link.instance.id] = (link, [])
            part[1].append(item)
        return list(parts.values())

    def _choose(self, item: SendItem) -> LogicLink:
        place = order_key(item.conversation_id, item.sender, item.to_user)
        stays = self._staying.get(place)
        if stays is not None:
            self._add(stays[0], item.ref, place)
            return stays[0]
        link = self._choices.get(place)
        if link is None:
            if len(self._choices) >= REMEMBERED:
                self._choices.clear()
            chosen = by_key(place, [known.instance for known in self._links.values()])
            link = self._choices[place] = self._links[chosen.id]
        return link

    def answered(self, answers: Sequence[SendAnswer]) -> None:
        """Let conversations go of whose messages none is on its way any more."""
        if not self._staying:
            return
        for answer in answers:
            place = self._places.pop(answer.ref, None)
            if place is not None:
                refs = self._staying[place][1]
                refs.discard(answer.ref)
                if not refs:
                    del self._staying[place]
        self._find_only()
