"""Conversations: the list, the caller's settings, reading."""

from __future__ import annotations

from resonance.domain.errors import Code, invalid
from resonance.gateway.http.context import CallerOf, ConversationsOf, MessagesOf
from resonance.gateway.http.listing import numbered_page
from resonance.gateway.http.refusals import refusals
from resonance.gateway.http.routes.params import Cursor, Limit200, Limit500, PageNumber, PageSize, SeqQuery
from resonance.gateway.http.schemas.conversations import (
    ConversationOut,
    ConversationsOut,
    OpenBody,
    SettingsBody,
    conversation_out,
    conversations_out,
    member_settings,
)
from resonance.gateway.http.schemas.fields import Empty
from resonance.gateway.http.schemas.messages import (
    ConversationIdsBody,
    HeadsOut,
    MessagesOut,
    ReadBody,
    ReadersOut,
    ReadOut,
    messages_out,
    read_out,
    readers_out,
)
from resonance.gateway.http.strict import api_router

MAX_HISTORY = 200
MEMBERS_ONLY = refusals(Code.CONVERSATION_NOT_FOUND, Code.NOT_MEMBER)

router = api_router("/api/v1/conversations", "conversations")


@router.get("", operation_id="list_conversations", summary="The caller's conversations", responses=refusals())
async def list_conversations(
    caller: CallerOf,
    conversations: ConversationsOf,
    cursor: Cursor = "",
    limit: Limit200 = 50,
    with_last: bool = True,
    page: PageNumber = 1,
    page_size: PageSize = None,
) -> ConversationsOut:
    """Pinned first, then the latest changed; with the last message unless `with_last` is false.

    Pages go on by `cursor`, or by number: `page` and `page_size` (wire.md 3.2.1), which miss what moves meanwhile.
    """
    size = page_size or limit
    if page == 1 or cursor:
        return conversations_out(await conversations.page(caller, cursor, size, with_last))
    return conversations_out(await numbered_page(conversations, caller, page, size, with_last=with_last))


@router.post(
    "",
    operation_id="open_conversation",
    summary="Open the conversation with somebody",
    responses=refusals(Code.USER_NOT_FOUND, Code.BLOCKED, Code.STRANGERS_REFUSED, Code.ROLE_INSUFFICIENT),
)
async def open_single(body: OpenBody, caller: CallerOf, conversations: ConversationsOf) -> ConversationOut:
    """Made when it does not exist; doing it again is harmless."""
    return conversation_out(await conversations.open_single(caller, body.user_id))


@router.post("/heads", operation_id="get_heads", summary="Last seqs of several conversations", responses=refusals())
async def heads(body: ConversationIdsBody, caller: CallerOf, messages: MessagesOf) -> HeadsOut:
    """Conversations that the caller does not know are left out."""
    return HeadsOut(heads=await messages.heads(caller, body.conversation_ids))


@router.get("/{conversation_id}", operation_id="get_conversation", summary="One conversation", responses=MEMBERS_ONLY)
async def get(conversation_id: str, caller: CallerOf, conversations: ConversationsOf) -> ConversationOut:
    """As the caller sees it."""
    return conversation_out(await conversations.get(caller, conversation_id))


@router.patch(
    "/{conversation_id}/settings",
    operation_id="set_conversation_settings",
    summary="Change the caller's own settings",
    responses=MEMBERS_ONLY,
)
async def set_settings(
    conversation_id: str, body: SettingsBody, caller: CallerOf, conversations: ConversationsOf
) -> ConversationOut:
    """What is missing stays as it is."""
    return conversation_out(await conversations.set_member(caller, conversation_id, member_settings(body)))


@router.get(
    "/{conversation_id}/messages", operation_id="list_messages", summary="Read messages", responses=MEMBERS_ONLY
)
async def list_messages(
    conversation_id: str,
    caller: CallerOf,
    messages: MessagesOf,
    before_seq: SeqQuery = 0,
    begin: SeqQuery = 0,
    end: SeqQuery = 0,
    limit: Limit500 = 50,
) -> MessagesOut:
    """Two ways: backwards from `before_seq` (0: from the end; limit up to 200), or with `begin` and `end` the first
    ones of a range (limit up to 500). Ascending either way, and never outside what the caller may see.
    """
    if not (begin or end):
        page = await messages.history(caller, conversation_id, before_seq, min(limit, MAX_HISTORY))
    elif before_seq:
        raise invalid("before_seq", "before_seq goes without begin and end")
    else:
        page = await messages.pull(caller, conversation_id, begin, end, limit)
    return messages_out(conversation_id, page)


@router.put(
    "/{conversation_id}/read", operation_id="mark_read_by_put", summary="Move the read pointer", responses=MEMBERS_ONLY
)
@router.post(
    "/{conversation_id}/read", operation_id="mark_read", summary="Move the read pointer", responses=MEMBERS_ONLY
)
async def mark_read(
    conversation_id: str, caller: CallerOf, messages: MessagesOf, body: ReadBody | None = None
) -> ReadOut:
    """Only ever forward; without a body, to the end."""
    return read_out(await messages.mark_read(caller, conversation_id, body.seq if body else 0))


@router.get(
    "/{conversation_id}/readers", operation_id="list_readers", summary="Who has read a message", responses=MEMBERS_ONLY
)
async def readers(conversation_id: str, seq: SeqQuery, caller: CallerOf, messages: MessagesOf) -> ReadersOut:
    """Members whose pointer is at or after `seq`."""
    return readers_out(await messages.readers(caller, conversation_id, seq))


@router.post(
    "/{conversation_id}/typing", operation_id="send_typing", summary="Tell that one is writing", responses=MEMBERS_ONLY
)
async def typing(conversation_id: str, caller: CallerOf, messages: MessagesOf) -> Empty:
    """Reaches the members who are online now, and nobody later."""
    await messages.typing(caller, conversation_id)
    return Empty()
