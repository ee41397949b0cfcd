"""/conversation. The list has two shapes: the seed's array, and the later page with a cursor."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from resonance.domain.errors import invalid
from resonance.domain.model import Caller, ConversationView, MemberSettings, RecvOpt
from resonance.gateway.dialects.nexo import bodies, reading
from resonance.gateway.dialects.nexo.context import CallerOf, ConversationQuery, area_router
from resonance.gateway.dialects.nexo.envelope import answer
from resonance.gateway.dialects.nexo.errors import READING
from resonance.gateway.dialects.nexo.tables import conversation_info, is_shown
from resonance.gateway.http.context import ContextOf, ConversationsOf, MessagesOf
from resonance.gateway.http.listing import conversation_views
from resonance.gateway.http.schemas.fields import MAX_INT64
from resonance.services.conversations import Conversations

MAX_CONVERSATIONS = 1_000
"""Longest list that is made; the latest changed are in it."""
PAGE, MAX_PAGE = 20, 100

router: APIRouter = area_router("/conversation", READING)


@router.get("/list")
async def listed(
    request: Request, page: Annotated[bodies.Page, Query()], caller: CallerOf, conversations: ConversationsOf
) -> Response:
    """Return a page below /im or when a parameter asks for one, else the seed's array."""
    if request.url.path.startswith("/im/") or page.model_fields_set:
        return answer(await _page(conversations, caller, page))
    return answer(await _all(conversations, caller))


@router.post("/list")
async def listed_by_post(caller: CallerOf, conversations: ConversationsOf, page: bodies.Page | None = None) -> Response:
    """Return a page."""
    return answer(await _page(conversations, caller, page or bodies.Page()))


@router.get("/all")
@router.post("/all")
async def everything(caller: CallerOf, conversations: ConversationsOf) -> Response:
    """Return all of them."""
    return answer(await _all(conversations, caller))


@router.get("/info")
async def info(conversation_id: ConversationQuery, caller: CallerOf, conversations: ConversationsOf) -> Response:
    """Return one conversation."""
    return answer(conversation_info(await conversations.get(caller, conversation_id)))


@router.put("/update")
async def update(
    body: bodies.Settings, caller: CallerOf, conversations: ConversationsOf, conversation_id: bodies.ConversationId = ""
) -> Response:
    """Change the caller's settings; what is missing stays."""
    known = conversation_id or body.conversation_id
    if not known:
        raise invalid("conversation_id", "conversation_id is missing")
    opt = None if body.recv_msg_opt is None else RecvOpt(body.recv_msg_opt)
    await conversations.set_member(caller, known, MemberSettings(pinned=body.is_pinned, recv_opt=opt))
    return answer()


@router.post("/mark_read")
async def mark_read(
    body: bodies.Pointer, caller: CallerOf, conversations: ConversationsOf, messages: MessagesOf
) -> Response:
    """Move the caller's pointer forward. Nothing is before seq 1: the core's 0, the end, is none of Nexo's."""
    if body.read_seq > 0:
        await messages.mark_read(caller, body.conversation_id, body.read_seq)
    else:
        await conversations.get(caller, body.conversation_id)
    return answer()


@router.get("/max_read_seq")
async def max_read_seq(conversation_id: ConversationQuery, caller: CallerOf, context: ContextOf) -> Response:
    """Return how far the conversation goes, how far it is read, and what is left."""
    return answer(await reading.max_read_seq(context.services, caller, conversation_id))


@router.get("/unread_count")
async def unread_count(
    conversation_id: ConversationQuery,
    caller: CallerOf,
    conversations: ConversationsOf,
    read_seq: Annotated[int | None, Query(ge=0, le=MAX_INT64)] = None,
) -> Response:
    """Return how much is unread; by another pointer than the caller's, how many seqs come after it."""
    view = await conversations.get(caller, conversation_id)
    if read_seq is None or read_seq == view.member.read_seq:
        return answer({"unread_count": view.unread})
    return answer({"unread_count": max(0, view.visible_seq - max(read_seq, view.member.min_seq - 1))})


async def _views(conversations: Conversations, caller: Caller) -> list[ConversationView]:
    """Return those of the caller's conversations that are shown, the latest changed first."""
    views = await conversation_views(conversations, caller, MAX_CONVERSATIONS)
    shown = [view for view in views if is_shown(view.conversation.id)]
    return sorted(shown, key=_place, reverse=True)


def _place(view: ConversationView) -> tuple[int, str]:
    return view.conversation.updated_at, view.conversation.id


async def _all(conversations: Conversations, caller: Caller) -> list[dict[str, Any]]:
    return [conversation_info(view) for view in await _views(conversations, caller)]


async def _page(conversations: Conversations, caller: Caller, page: bodies.Page) -> dict[str, Any]:
    """Return the conversations behind the cursor, which is the place of the last one that the client has."""
    size = min(page.limit, MAX_PAGE) if page.limit > 0 else PAGE
    views = await _views(conversations, caller)
    if page.cursor_updated_at > 0:
        after = (page.cursor_updated_at, page.cursor_conversation_id)
        views = [view for view in views if _place(view) < after]
    shown = views[:size]
    updated_at, conversation_id = _place(shown[-1]) if shown else (0, "")
    return {
        "list": [conversation_info(view, with_last=page.with_last_message) for view in shown],
        "has_more": len(views) > size,
        "next_cursor": {"updated_at": updated_at, "conversation_id": conversation_id},
    }
