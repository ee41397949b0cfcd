"""What GoChat's routes are given beside the services: callers who are no guests, and strict routers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Caller, Principal, UserKind
from resonance.gateway.http.context import principal_of
from resonance.gateway.http.strict import api_router

MAX_CONVERSATIONS = 1_000
"""Longest list of those that have no pages."""


def router_at(path: str) -> APIRouter:
    """Return a router for paths below /api."""
    return api_router(f"/api{path}", "gochat")


async def _registered(principal: Annotated[Principal, Depends(principal_of)]) -> Caller:
    if principal.kind is UserKind.GUEST:
        raise ServiceError(Code.ROLE_INSUFFICIENT, "a guest has to register before doing this")
    return principal.caller


RegisteredOf = Annotated[Caller, Depends(_registered)]
"""The caller of what guests may not do."""
