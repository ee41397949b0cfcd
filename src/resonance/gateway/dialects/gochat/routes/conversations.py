"""/conversations: the list, and making, changing and ending one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from resonance.domain.errors import invalid
from resonance.domain.model import Caller, ConversationKind, ConversationView, GroupSettings, NewGroup
from resonance.domain.windows import History
from resonance.gateway.dialects.gochat import bodies
from resonance.gateway.dialects.gochat.context import MAX_CONVERSATIONS, router_at
from resonance.gateway.dialects.gochat.envelope import answer
from resonance.gateway.dialects.gochat.tables import conversation_info, conversation_item
from resonance.gateway.http.context import CallerOf, ContextOf, ConversationsOf
from resonance.gateway.http.listing import conversation_views
from resonance.services.conversations import Conversations

GROUP = 2
PAGE = 20
MAX_PAGE = 100

router: APIRouter = router_at("/conversations")


@router.get("")
async def conversation_list(
    caller: CallerOf,
    conversations: ConversationsOf,
    page: Annotated[int | None, Query(ge=1)] = None,
    size: Annotated[int | None, Query(ge=1, le=MAX_PAGE)] = None,
    kind: Annotated[int | None, Query(alias="type", ge=1, le=3)] = None,
) -> Response:
    """Return all of them, everybody's first, then the latest changed; or a page (generation C), when asked for one."""
    views = await _all(conversations, caller)
    if page is None and size is None and kind is None:
        return answer([conversation_item(view) for view in views])
    wanted = [view for view in views if kind in (None, view.conversation.kind)]
    size = size or PAGE
    begin = ((page or 1) - 1) * size
    shown = [conversation_info(view) for view in wanted[begin : begin + size]]
    return answer({"conversations": shown, "hasMore": len(wanted) > begin + size})


@router.post("")
async def make(
    body: bodies.Conversation, caller: CallerOf, conversations: ConversationsOf, context: ContextOf
) -> Response:
    """Open the conversation with somebody, or make a group."""
    if body.type == GROUP:
        made = NewGroup(
            body.name.strip(),
            members=tuple(member for member in dict.fromkeys(body.members) if member != caller.user_id),
            avatar=body.avatar_url,
            introduction=body.description,
            history=History[context.settings.groups.history.upper()],
        )
        view = await conversations.create_group(caller, made)
    else:
        view = await conversations.open_single(caller, _peer(caller, body))
    told = conversation_item(view) if body.type is None else conversation_info(view)
    return answer(told | {"conversation": told}, 201)


@router.get("/{conversation_id}")
async def get(conversation_id: str, caller: CallerOf, conversations: ConversationsOf) -> Response:
    """Return one."""
    return answer(conversation_info(await conversations.get(caller, conversation_id)))


@router.put("/{conversation_id}")
async def change(
    conversation_id: str, body: bodies.ConversationChanges, caller: CallerOf, conversations: ConversationsOf
) -> Response:
    """Change a group, for its admins."""
    changes = GroupSettings(name=body.name, avatar=body.avatar_url, introduction=body.description)
    return answer(conversation_info(await conversations.update_group(caller, conversation_id, changes)))


@router.delete("/{conversation_id}")
async def end(conversation_id: str, caller: CallerOf, conversations: ConversationsOf) -> Response:
    """End a group, for its owner. It stays readable."""
    await conversations.dissolve(caller, conversation_id)
    return answer(None)


async def _all(conversations: Conversations, caller: Caller) -> list[ConversationView]:
    views = await conversation_views(conversations, caller, MAX_CONVERSATIONS)
    views.sort(key=lambda view: view.conversation.kind is not ConversationKind.OPEN)
    return views


def _peer(caller: Caller, body: bodies.Conversation) -> str:
    """Return the other member of a single conversation, however the request names it."""
    others = [member for member in dict.fromkeys(body.members) if member != caller.user_id]
    if body.target_user_id:
        return body.target_user_id
    if len(others) != 1:
        raise invalid("members", f"{len(others)} others are named; a single conversation is with one")
    return others[0]
