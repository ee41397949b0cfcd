"""Sending over HTTP."""

from __future__ import annotations

from resonance.domain.errors import Code
from resonance.domain.model import Caller
from resonance.gateway.http.context import CallerOf, Context, ContextOf
from resonance.gateway.http.refusals import refusals
from resonance.gateway.http.schemas.messages import ConversationSendBody, SendBody, SentOut, send_item, sent_out
from resonance.gateway.http.strict import api_router
from resonance.observe.trace import current_trace

SEND_REFUSALS = refusals(
    Code.RESERVED_KEY,
    Code.KEY_CONFLICT,
    Code.CONVERSATION_NOT_FOUND,
    Code.CONVERSATION_DISSOLVED,
    Code.NOT_MEMBER,
    Code.MEMBER_INACTIVE,
    Code.MUTED,
    Code.BLOCKED,
    Code.STRANGERS_REFUSED,
    Code.ROLE_INSUFFICIENT,
    Code.USER_NOT_FOUND,
)

router = api_router("/api/v1", "messages")


@router.post("/messages", operation_id="send_message", summary="Send a message", responses=SEND_REFUSALS)
async def send(body: SendBody, caller: CallerOf, context: ContextOf) -> SentOut:
    """To a conversation or, by `to_user`, to somebody. The answer means that the message is stored for good.

    With a `client_msg_id` a repetition is safe; without one it is a new message.
    """
    return await _send(context, caller, body)


@router.post(
    "/conversations/{conversation_id}/messages",
    operation_id="send_to_conversation",
    summary="Send a message to a conversation",
    responses=SEND_REFUSALS,
)
async def send_to(conversation_id: str, body: ConversationSendBody, caller: CallerOf, context: ContextOf) -> SentOut:
    """As `POST /messages`."""
    return await _send(context, caller, SendBody(**body.model_dump(), conversation_id=conversation_id))


async def _send(context: Context, caller: Caller, body: SendBody) -> SentOut:
    item = send_item(caller, body, context.server_key(), current_trace())
    return sent_out(await context.services.messages.send(caller, item))
