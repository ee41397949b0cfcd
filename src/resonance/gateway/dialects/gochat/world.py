"""Everybody's conversation, which this system's clients expect to be there."""

from __future__ import annotations

from resonance.domain.ids import OPEN_CONVERSATION
from resonance.domain.model import Caller
from resonance.services import LogicServices
from resonance.services.accounts import Tokens


async def arrive(services: LogicServices, tokens: Tokens, *, new: bool) -> None:
    """Have it there for somebody who logged in."""
    await settle(services, Caller(tokens.user.id, 0, tokens.device_id), new=new)


async def settle(services: LogicServices, caller: Caller, *, new: bool) -> None:
    """Have it there; for who is new, with nothing in it unread (wire.md 5.2.3)."""
    await services.conversations.open_to_all(caller)
    if new:
        await services.messages.mark_read(caller, OPEN_CONVERSATION, 0)
