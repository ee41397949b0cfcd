"""Sending in a user's name, as a client of that user would: by the message path, which checks and stores."""

from __future__ import annotations

from resonance.domain.content import parse_kind
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Caller, Entry, SendItem, stored_entry
from resonance.gateway.dialects.gochat.tables import kind_name
from resonance.observe.trace import current_trace
from resonance.services.messages import Messages


async def send(
    messages: Messages, caller: Caller, key: str, conversation_id: str, kind: int, content: str, extra: str = ""
) -> Entry:
    """Send one message and return what is stored, now or since the key was used first.

    Args:
        kind: GoChat's number; 0 is a text.

    Raises:
        ServiceError: INVALID_ARGUMENT for a kind that nobody may send; whatever the message was refused with.
    """
    item = SendItem(
        ref=0,
        connection=0,
        sender=caller.user_id,
        client_msg_id=key,
        conversation_id=conversation_id,
        to_user="",
        kind=parse_kind(kind_name(kind)),
        content=content,
        extra=extra,
        trace=current_trace(),
    )
    sent = await messages.send(caller, item)
    if sent.code:
        raise ServiceError(Code.of(sent.code), sent.error)
    return stored_entry(item, sent)
