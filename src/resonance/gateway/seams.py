"""Where the gateway's halves meet: connections on one side (`Downlink`), the link to logic on the other (`Uplink`).

`Records` is what dialects may read that no use case of logic's is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from resonance.domain.closes import Close
from resonance.domain.errors import Code
from resonance.domain.model import ConversationState, Entry, MemberPage, Route, SendAnswer
from resonance.services.link import PushBatch, RouteRefusal


class Uplink(Protocol):
    """The way to logic, as connections use it.

    Attributes:
        gateway_id: this gateway's id.
        epoch: this run's number; rises with every start.
        store_epoch: the store's epoch as told by logic ("" before the first welcome).
        connected: whether the link is up now.
    """

    gateway_id: str
    epoch: int
    store_epoch: str
    connected: bool

    def submit(
        self,
        connection: int,
        sender: str,
        client_msg_id: str,
        conversation_id: str,
        to_user: str,
        kind: int,
        content: str,
        extra: str,
        trace: str,
    ) -> int:
        """Queue one message for the next batch and return its ref; `Downlink.answers` brings the answer, exactly once.

        Raises:
            ServiceError: BUSY when too many are unanswered; nothing was queued.
        """

    def put_off(
        self, connection: int, sender: str, client_msg_id: str, conversation_id: str, to_user: str, refusal: Code
    ) -> None:
        """Take note of a message that was refused before it was submitted: what follows it does not overtake it."""

    async def open_route(self, route: Route) -> Close | None:
        """Announce a connection and wait until logic knows it; return why it must not live, or None.

        From the return on, whatever is committed for the user reaches `Downlink.push`; also before, while waiting.

        Raises:
            ServiceError: UNAVAILABLE when the link is down for longer than the rpc deadline.
        """

    def close_route(self, connection: int) -> None:
        """Announce that a connection is gone; in the next delta."""


class Downlink(Protocol):
    """The live connections, as the link to logic uses them. No call blocks, none raises."""

    def routes(self) -> list[Route]:
        """Return every connection with an announced route, for the link's snapshot."""

    def answers(self, answers: Sequence[SendAnswer]) -> None:
        """Bring answers to the connections that wait for them; those of closed connections are dropped."""

    def push(self, batch: PushBatch) -> None:
        """Push entries and signals to the connections of the users they are for."""

    def tell(self, entry: Entry, user_ids: Sequence[str]) -> list[str]:
        """Give an entry that did not come by the link to the connections of some users.

        It may be given twice, or out of turn, and takes no other entry's turn: what the link pushes is as without it.

        Returns:
            Those of the users who have no connection here.
        """

    def kick(self, device_ids: Sequence[str], close: Close) -> None:
        """End every connection of these devices."""

    def refuse(self, refusals: Sequence[RouteRefusal]) -> None:
        """End these connections."""

    def resync(self) -> None:
        """Tell every client that pushes may have been missed."""


class Records(Protocol):
    """What is stored, whoever it is of, for services of other systems that are themselves trusted with all of it.

    A part of the port `Store`, whose docstrings say more: five reads, so that no dialect can write past logic.
    """

    async def states(self, conversation_ids: Sequence[str], user_ids: Sequence[str]) -> list[ConversationState]:
        """Return those of the conversations that exist."""

    async def members(self, conversation_id: str, cursor: str, limit: int) -> MemberPage:
        """Return a page of the present members."""

    async def entries(self, conversation_id: str, begin: int, end: int) -> list[Entry]:
        """Return entries of [begin, end], ascending."""

    async def entry(self, message_id: int) -> Entry | None:
        """Return the entry with this id."""

    async def entries_by_key(self, client_msg_id: str, sender: str, limit: int) -> list[Entry]:
        """Return the entries that are stored under a key, of one sender or ("") of anybody."""
