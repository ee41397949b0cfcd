"""Reading a conversation, sending into it, and how far it has been read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from resonance.domain.content import Kind, parse_kind
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import check_client_key
from resonance.domain.model import Caller, SendItem, stored_entry
from resonance.gateway.dialects.gochat import bodies
from resonance.gateway.dialects.gochat.context import router_at
from resonance.gateway.dialects.gochat.envelope import answer
from resonance.gateway.dialects.gochat.tables import kind_name, message
from resonance.gateway.http.context import CallerOf, Context, ContextOf, MessagesOf
from resonance.observe.trace import current_trace
from resonance.services.messages import Messages

PAGE = 50
MAX_PAGE = 200

router: APIRouter = router_at("")


@router.get("/conversations/{conversation_id}/messages")
async def history(
    conversation_id: str,
    caller: CallerOf,
    messages: MessagesOf,
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=MAX_PAGE)] = PAGE,
    cursor: Annotated[str | None, Query(pattern=r"^(|[0-9]{1,18})$")] = None,
    limit: Annotated[int | None, Query(ge=1, le=MAX_PAGE)] = None,
) -> Response:
    """Return a page, the newest first, ascending in itself; whoever reads the newest has read it (wire.md 5.2.3)."""
    if cursor is not None or limit is not None:
        return await _before(messages, caller, conversation_id, int(cursor or 0), limit or PAGE)
    newest = await messages.history(caller, conversation_id, 0, size)
    if page == 1:
        await messages.mark_read(caller, conversation_id, 0)
        return answer([message(entry) for entry in newest.entries])
    before = newest.end + 1 - (page - 1) * size
    if before <= newest.begin:
        return answer([])
    older = await messages.history(caller, conversation_id, before, size)
    return answer([message(entry) for entry in older.entries])


@router.post("/conversations/{conversation_id}/messages")
async def send_to(conversation_id: str, body: bodies.Letter, caller: CallerOf, context: ContextOf) -> Response:
    """Send; the answer means that the message is stored for good."""
    return await _send(context, caller, conversation_id, body)


@router.post("/messages")
async def send(body: bodies.AddressedLetter, caller: CallerOf, context: ContextOf) -> Response:
    """As `send_to`."""
    return await _send(context, caller, body.conversation_id, body)


@router.put("/conversations/{conversation_id}/read")
async def read(
    conversation_id: str, caller: CallerOf, messages: MessagesOf, body: bodies.ReadUpTo | None = None
) -> Response:
    """Move the caller's read pointer, to the end when nothing else is said."""
    state = await messages.mark_read(caller, conversation_id, body.seq_id if body else 0)
    return answer({"unreadCount": state.unread, "readSeq": state.read_seq})


async def _before(messages: Messages, caller: Caller, conversation_id: str, cursor: int, limit: int) -> Response:
    """Answer generation C: what is before the cursor, a seq, and the cursor for what is before that."""
    page = await messages.history(caller, conversation_id, cursor, limit)
    first = page.entries[0].seq if page.entries else page.begin
    more = first > page.begin
    return answer(
        {
            "messages": [message(entry) for entry in page.entries],
            "nextCursor": str(first) if more else "",
            "hasMore": more,
        }
    )


async def _send(context: Context, caller: Caller, conversation_id: str, body: bodies.Letter) -> Response:
    kind = kind_name(body.message_type)
    item = SendItem(
        ref=0,
        connection=0,
        sender=caller.user_id,
        client_msg_id=check_client_key(body.client_msg_id) if body.client_msg_id else context.server_key(),
        conversation_id=conversation_id,
        to_user="",
        kind=parse_kind(kind) if kind else Kind.TEXT,
        content=body.content,
        extra=body.extra,
        trace=current_trace(),
    )
    sent = await context.services.messages.send(caller, item)
    if sent.code:
        raise ServiceError(Code.of(sent.code), sent.error)
    return answer(message(stored_entry(item, sent)), 201)
