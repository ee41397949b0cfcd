"""Everybody's conversation, which this system's clients expect to be there."""

from __future__ import annotations

from resonance.domain.model import Caller
from resonance.services import LogicServices
from resonance.services.accounts import Tokens


async def arrive(services: LogicServices, tokens: Tokens) -> None:
    """Have it there for somebody who logged in; the first time, with nothing in it unread (wire.md 5.2.3)."""
    await services.conversations.open_to_all(Caller(tokens.user.id, 0, tokens.device_id))
