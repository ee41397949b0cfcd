"""Catching up."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from resonance.domain.errors import Code
from resonance.gateway.http.context import CallerOf, MessagesOf
from resonance.gateway.http.refusals import refusals
from resonance.gateway.http.routes.params import Limit500, Limit1000, SeqQuery
from resonance.gateway.http.schemas.messages import InboxOut, inbox_out
from resonance.gateway.http.schemas.sync import SyncOut, sync_out
from resonance.gateway.http.strict import api_router

router = api_router("/api/v1", "sync")


@router.get("/sync", operation_id="sync", summary="What changed", responses=refusals(Code.REFETCH))
async def sync(
    caller: CallerOf,
    messages: MessagesOf,
    token: Annotated[str, Query(max_length=512, description='The last answer\'s token; "" for everything.')] = "",
    limit: Limit1000 = 500,
) -> SyncOut:
    """Conversations, friends, requests and profiles that changed since the token. Then read the messages you lack."""
    return sync_out(await messages.sync(caller, token, limit))


@router.get("/inbox", operation_id="read_inbox", summary="The inbox, by cursor", responses=refusals())
async def inbox(caller: CallerOf, messages: MessagesOf, cursor: SeqQuery = 0, limit: Limit500 = 100) -> InboxOut:
    """Every message of every conversation in one row of positions, for clients that keep one cursor."""
    return inbox_out(await messages.inbox(caller, cursor, limit))
