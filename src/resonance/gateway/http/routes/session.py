"""Resonance's session routes (seed 001)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from resonance.domain.errors import Code, invalid, no_conversation
from resonance.domain.model import ConversationKind, ConversationView, NewGroup
from resonance.domain.windows import History
from resonance.gateway.http.context import AccountsOf, CallerOf, Context, ContextOf, ConversationsOf, MessagesOf
from resonance.gateway.http.listing import conversation_views
from resonance.gateway.http.refusals import refusals
from resonance.gateway.http.routes.params import Limit200, SeqQuery
from resonance.gateway.http.schemas.session import (
    GROUP,
    SINGLE,
    ContactsOut,
    CreateSessionBody,
    SessionCreatedOut,
    SessionMessagesOut,
    SessionsOut,
    contact_out,
    push_message_out,
    session_out,
)
from resonance.gateway.http.strict import api_router

MAX_SESSIONS = 1_000
"""Longest list; it has no pages. Longer ones are read at /conversations."""
MAX_FOUND = 50

router = api_router("/api/v1/session", "session")


@router.get("/list", operation_id="list_sessions", summary="The caller's sessions", responses=refusals())
async def list_sessions(caller: CallerOf, conversations: ConversationsOf, context: ContextOf) -> SessionsOut:
    """All of them up to 1,000, with the last message; everybody's only where `dialects.resonance_room` is on."""
    views = await conversation_views(conversations, caller, MAX_SESSIONS)
    return SessionsOut(sessions=[session_out(view) for view in views if _is_shown(view, context)])


@router.post(
    "/create",
    operation_id="create_session",
    summary="Make a session",
    responses=refusals(Code.USER_NOT_FOUND, Code.GROUP_FULL, Code.LIMIT_REACHED, Code.ROLE_INSUFFICIENT),
)
async def create(
    body: CreateSessionBody, caller: CallerOf, conversations: ConversationsOf, context: ContextOf
) -> SessionCreatedOut:
    """A single one that exists already is returned; a group is always a new one."""
    others = [member for member in dict.fromkeys(body.members) if member != caller.user_id]
    kind = body.type or (SINGLE if len(others) == 1 and not body.name else GROUP)
    if kind == SINGLE:
        if len(others) != 1:
            raise invalid("members", f"a single session has one other member, not {len(others)}")
        view = await conversations.open_single(caller, others[0])
    else:
        history = History[context.settings.groups.history.upper()]
        view = await conversations.create_group(caller, NewGroup(body.name, members=tuple(others), history=history))
    return SessionCreatedOut(session_id=view.conversation.id)


@router.get(
    "/messages",
    operation_id="list_session_messages",
    summary="A session's messages",
    responses=refusals(Code.CONVERSATION_NOT_FOUND, Code.NOT_MEMBER),
)
async def list_messages(
    caller: CallerOf,
    conversations: ConversationsOf,
    messages: MessagesOf,
    context: ContextOf,
    session_id: Annotated[str, Query(min_length=1)],
    limit: Limit200 = 50,
    before_seq: SeqQuery = 0,
) -> SessionMessagesOut:
    """The newest ones before `before_seq` (0: of all), ascending; of what is listed."""
    view = await conversations.get(caller, session_id)
    if not _is_shown(view, context):
        raise no_conversation(session_id)
    page = await messages.history(caller, session_id, before_seq, limit)
    return SessionMessagesOut(messages=[push_message_out(entry, view) for entry in page.entries])


@router.get(
    "/search",
    operation_id="search_contacts",
    summary="Find people",
    responses=refusals(Code.ROLE_INSUFFICIENT),
)
async def search(
    caller: CallerOf,
    accounts: AccountsOf,
    query: Annotated[str, Query(max_length=64, description="A part of the handle or the nickname.")] = "",
    q: Annotated[str, Query(max_length=64, description="The same, shorter.")] = "",
) -> ContactsOut:
    """Exact handles come first."""
    text = query or q
    if not text:
        raise invalid("query", "query has to say what to look for")
    return ContactsOut(users=[contact_out(user) for user in await accounts.search(caller, text, MAX_FOUND)])


def _is_shown(view: ConversationView, context: Context) -> bool:
    """Say whether a conversation is a session: everybody's is one where there is a room for it."""
    return context.settings.dialects.resonance_room or view.conversation.kind is not ConversationKind.OPEN
