"""What Nexo's clients ask over either door: pulling messages, and how far a conversation goes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from resonance.domain.errors import invalid
from resonance.domain.model import Caller
from resonance.gateway.dialects.nexo.tables import is_shown, message, read_state
from resonance.services import LogicServices

PAGE = 100
"""Messages in an answer, when the client names no number and at most."""


async def newest_seqs(services: LogicServices, caller: Caller, conversation_ids: Sequence[str]) -> dict[str, Any]:
    """Answer 1001: the last visible seq of each conversation that the caller knows."""
    shown = [conversation_id for conversation_id in conversation_ids if is_shown(conversation_id)]
    return {"seqs": await services.messages.heads(caller, shown) if shown else {}}


async def pull(
    services: LogicServices, caller: Caller, conversation_id: str, begin: int, end: int, limit: int
) -> dict[str, Any]:
    """Answer 1005 and /msg/pull: messages from `begin` on, up to `end` (0: the end)."""
    size = limit if 0 < limit <= PAGE else PAGE
    page = await services.messages.pull(caller, conversation_id, max(begin, 0), max(end, 0), size)
    return {"messages": [message(entry) for entry in page.entries], "max_seq": max(page.end, 0)}


async def pull_seqs(
    services: LogicServices, caller: Caller, conversation_id: str, seqs: Iterable[int]
) -> dict[str, Any]:
    """Answer 1002: those of these (at most 100) messages that the caller may see, ascending."""
    wanted = sorted({seq for seq in seqs if seq > 0})
    if not 0 < len(wanted) <= PAGE:
        raise invalid("seq_list", f"seq_list has {len(wanted)} seqs; 1 to {PAGE} are allowed")
    page = await services.messages.pick(caller, conversation_id, wanted)
    return {"messages": [message(entry) for entry in page.entries], "max_seq": max(page.end, 0)}


async def max_read_seq(services: LogicServices, caller: Caller, conversation_id: str) -> dict[str, int]:
    """Answer 1006 and /conversation/max_read_seq."""
    return read_state(await services.conversations.get(caller, conversation_id))
