"""/msg."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from resonance.domain.content import parse_kind
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import check_client_key
from resonance.domain.model import SendItem, stored_entry
from resonance.gateway.dialects.nexo import bodies, reading
from resonance.gateway.dialects.nexo.context import CallerOf, ConversationQuery, area_router
from resonance.gateway.dialects.nexo.envelope import answer
from resonance.gateway.dialects.nexo.errors import READING, SENDING
from resonance.gateway.dialects.nexo.tables import destination, message, payload
from resonance.gateway.http.context import ContextOf, ConversationsOf, MessagesOf
from resonance.gateway.http.schemas.fields import MAX_INT64
from resonance.observe.trace import current_trace

Number = Annotated[int, Query(ge=-MAX_INT64, le=MAX_INT64)]

_sending = area_router("/msg", SENDING)
_reading = area_router("/msg", READING)


@_sending.post("/send")
@_sending.post("/send_without_mark_read")
async def send(body: bodies.Message, caller: CallerOf, messages: MessagesOf) -> Response:
    """Send a message; the same `client_msg_id` again is the same message."""
    kind, content = payload(body.msg_type, body.content)
    conversation_id, to_user = destination(body.session_type, body.recv_id, body.group_id)
    key = check_client_key(body.client_msg_id)
    item = SendItem(0, 0, caller.user_id, key, conversation_id, to_user, parse_kind(kind), content, "", current_trace())
    sent = await messages.send(caller, item)
    if sent.code:
        raise ServiceError(Code.of(sent.code), sent.error)
    return answer(message(stored_entry(item, sent)))


@_reading.get("/pull")
async def pull(
    conversation_id: ConversationQuery,
    caller: CallerOf,
    context: ContextOf,
    begin_seq: Number = 0,
    end_seq: Number = 0,
    limit: Number = 0,
) -> Response:
    """Return messages from `begin_seq` on, up to `end_seq` (0: the end)."""
    return answer(await reading.pull(context.services, caller, conversation_id, begin_seq, end_seq, limit))


@_reading.get("/max_seq")
async def max_seq(conversation_id: ConversationQuery, caller: CallerOf, conversations: ConversationsOf) -> Response:
    """Return the last visible seq."""
    view = await conversations.get(caller, conversation_id)
    return answer({"max_seq": view.visible_seq})


router = APIRouter()
router.include_router(_sending)
router.include_router(_reading)
