"""Who may open a single conversation: by a first message, or by asking for it."""

from __future__ import annotations

import asyncio

from resonance.domain.errors import Code, ServiceError
from resonance.logic.guests import check_no_guest
from resonance.ports.store import Store


async def check_first_contact(store: Store, user_id: str, peer: str, *, strangers: bool) -> None:
    """Return when somebody may open the conversation with `peer`; nothing is opened where they may not write.

    Args:
        strangers: whether people who are not friends may message each other.

    Raises:
        ServiceError: BLOCKED, STRANGERS_REFUSED; ROLE_INSUFFICIENT for a guest.
    """
    relation, _ = await asyncio.gather(store.relation(user_id, peer), check_no_guest(store, user_id))
    if relation.blocked_by:
        raise ServiceError(Code.BLOCKED)
    if not (strangers or relation.friends or peer == user_id):
        raise ServiceError(Code.STRANGERS_REFUSED)
