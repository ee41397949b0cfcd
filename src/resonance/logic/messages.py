"""The messages service: reading as in `logic.reading`, sending through the pipeline, typing."""

from __future__ import annotations

import asyncio

from resonance.domain.errors import Code, ServiceError, no_conversation
from resonance.domain.model import Caller, ConversationKind, SendAnswer, SendItem
from resonance.domain.rights import active_member
from resonance.domain.signals import Typing
from resonance.logic.census import Census
from resonance.logic.delivery import LiveDelivery
from resonance.logic.lookups import Lookups
from resonance.logic.pipeline import Pipeline
from resonance.logic.reading import Reading
from resonance.logic.seams import StateCache
from resonance.ports.store import Store
from resonance.services.delivery import SignalTo


class _Waiter:
    """An answer sink for one message of a door that waits for its answer."""

    gateway = ""
    way = None

    def __init__(self) -> None:
        self.answered: asyncio.Future[SendAnswer] = asyncio.get_running_loop().create_future()

    def answer(self, answers: list[SendAnswer]) -> None:
        """Take the answer; the caller may have gone meanwhile."""
        if not self.answered.done():
            self.answered.set_result(answers[0])


class MessageService(Reading):
    """Everything of `services.messages.Messages`."""

    def __init__(
        self,
        store: Store,
        pipeline: Pipeline,
        delivery: LiveDelivery,
        states: StateCache,
        census: Census,
        lookups: Lookups | None = None,
    ) -> None:
        super().__init__(store, census, lookups)
        self._pipeline = pipeline
        self._delivery = delivery
        self._states = states

    async def send(self, caller: Caller, item: SendItem) -> SendAnswer:
        """Send one message and wait until it is durable or refused."""
        if item.sender != caller.user_id:
            raise ServiceError(Code.PERMISSION_DENIED, "the item's sender is not the caller", field="sender")
        waiter = _Waiter()
        self._pipeline.put(waiter, [item])
        return await waiter.answered

    async def typing(self, caller: Caller, conversation_id: str) -> None:
        """Tell the other members who are online, in conversations small enough for it to be of use.

        Whoever has blocked the caller is not told.
        """
        states = await self._states.get([conversation_id], [caller.user_id])
        state = states.get(conversation_id)
        if state is None:
            raise no_conversation(conversation_id)
        if state.conversation.kind is ConversationKind.OPEN:
            return
        active_member(state, caller.user_id)
        if not state.complete or caller.user_id in state.blocked:
            return
        others = [user for user, member in state.members.items() if member.active and user != caller.user_id]
        await self._delivery.signal([SignalTo(Typing(conversation_id, caller.user_id), others)])
