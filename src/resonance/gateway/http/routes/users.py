"""Profiles, search and presence."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from resonance.domain.errors import Code, invalid
from resonance.gateway.http.context import AccountsOf, CallerOf
from resonance.gateway.http.refusals import refusals
from resonance.gateway.http.routes.params import Limit50
from resonance.gateway.http.schemas.users import (
    PresencesOut,
    ProfileBody,
    UserIdsBody,
    UserOut,
    UsersOut,
    presence_out,
    user_changes,
    user_out,
)
from resonance.gateway.http.strict import api_router

MAX_PRESENCE = 500
NO_GUESTS = refusals(Code.ROLE_INSUFFICIENT)

router = api_router("/api/v1/users", "users")


@router.get("/info", operation_id="get_own_info", summary="The caller's profile", responses=refusals())
@router.get("/me", operation_id="get_me", summary="The caller's profile", responses=refusals())
async def me(caller: CallerOf, accounts: AccountsOf) -> UserOut:
    """`info` is the older name; neither can be a handle."""
    return user_out(await accounts.user(caller, caller.user_id))


@router.put("/me", operation_id="replace_me", summary="Change the caller's profile", responses=NO_GUESTS)
@router.patch("/me", operation_id="update_me", summary="Change the caller's profile", responses=NO_GUESTS)
async def update_me(body: ProfileBody, caller: CallerOf, accounts: AccountsOf) -> UserOut:
    """What is missing stays as it is."""
    return user_out(await accounts.update_profile(caller, user_changes(body)))


@router.get("/search", operation_id="search_users", summary="Find people", responses=NO_GUESTS)
async def search(
    caller: CallerOf,
    accounts: AccountsOf,
    q: Annotated[str, Query(min_length=1, max_length=64, description="A part of the handle or the nickname.")],
    limit: Limit50 = 20,
) -> UsersOut:
    """Exact handles come first."""
    return UsersOut(users=[user_out(user) for user in await accounts.search(caller, q, limit)])


@router.post("/batch", operation_id="get_users", summary="Several profiles at once", responses=refusals())
async def batch(body: UserIdsBody, caller: CallerOf, accounts: AccountsOf) -> UsersOut:
    """Unknown handles are left out."""
    return UsersOut(users=[user_out(user) for user in await accounts.users(caller, body.user_ids)])


@router.get("/presence", operation_id="get_presence", summary="Who is online", responses=refusals())
async def presence(
    caller: CallerOf,
    accounts: AccountsOf,
    ids: Annotated[list[str], Query(description="Handles, separated by commas or given several times; at most 500.")],
) -> PresencesOut:
    """Only friends, and the caller, are told of."""
    handles = [handle for part in ids for handle in part.split(",") if handle]
    if len(handles) > MAX_PRESENCE:
        raise invalid("ids", f"{len(handles)} handles are asked for; {MAX_PRESENCE} are allowed")
    return PresencesOut(presence=[presence_out(state) for state in await accounts.presence(caller, handles)])


@router.get(
    "/{user_id}",
    operation_id="get_user",
    summary="Somebody's profile",
    responses=refusals(Code.USER_NOT_FOUND),
)
async def user(user_id: str, caller: CallerOf, accounts: AccountsOf) -> UserOut:
    """By handle."""
    return user_out(await accounts.user(caller, user_id))
