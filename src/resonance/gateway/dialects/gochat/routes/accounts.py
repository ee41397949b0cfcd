"""/auth and /users."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from resonance.domain.errors import ServiceError
from resonance.domain.model import UserChanges
from resonance.gateway.dialects.gochat import bodies
from resonance.gateway.dialects.gochat.context import MAX_CONVERSATIONS, router_at
from resonance.gateway.dialects.gochat.envelope import answer
from resonance.gateway.dialects.gochat.tables import login_info, user_info
from resonance.gateway.dialects.gochat.world import arrive
from resonance.gateway.http.context import (
    AccountsOf,
    AddressOf,
    CallerOf,
    ContextOf,
    ConversationsOf,
    TokenOf,
)
from resonance.gateway.http.listing import conversation_views
from resonance.services.accounts import Login, Registration

DIALECT = "gochat"
MAX_FOUND = 20
_PART = 500
"""People of whom logic says at once who is online."""

auth_router: APIRouter = router_at("/auth")
router: APIRouter = router_at("")


@auth_router.post("/register")
async def register(body: bodies.Credentials, context: ContextOf, address: AddressOf) -> Response:
    """Create an account. The client logs in afterwards."""
    wish = Registration(body.username.strip(), body.password, address=address, dialect=DIALECT)
    tokens = await context.services.accounts.register(wish)
    await arrive(context.services, tokens)
    told: dict[str, Any] = user_info(tokens.user)
    return answer(told | {"user": told}, 201)


@auth_router.post("/login")
async def login(body: bodies.Credentials, context: ContextOf, address: AddressOf) -> Response:
    """Log in."""
    wish = Login(body.username.strip(), body.password, address=address, dialect=DIALECT)
    tokens = await context.services.accounts.login(wish)
    await arrive(context.services, tokens)
    return answer(login_info(tokens))


@auth_router.post("/guest")
async def guest(context: ContextOf, address: AddressOf, body: bodies.Guest | None = None) -> Response:
    """Make an account to look around with: nobody knows its password, so it lasts as long as its token."""
    name = f"guest-{secrets.token_hex(5)}"
    wish = Registration(
        name,
        secrets.token_urlsafe(24),
        nickname=body.guest_name.strip() if body and body.guest_name.strip() else name,
        address=address,
        dialect=DIALECT,
        guest=True,
    )
    tokens = await context.services.accounts.register(wish)
    await arrive(context.services, tokens)
    return answer(login_info(tokens), 201)


@auth_router.post("/refresh")
async def refresh(body: bodies.Refresh, accounts: AccountsOf) -> Response:
    """Exchange a refresh token."""
    return answer(login_info(await accounts.refresh(body.refresh_token)))


@auth_router.post("/logout")
async def logout(context: ContextOf, token: TokenOf) -> Response:
    """End the device of the token. Never a 401: this client would log out again, without end (wire.md 5.1)."""
    try:
        principal = await context.authenticator.authenticate(token)
        await context.services.accounts.logout(principal.caller)
    except ServiceError as error:
        if error.code.value.retry:
            raise
    else:
        context.authenticator.forget((principal.caller.device_id,))
    return answer(None)


@router.get("/user/info")
@router.get("/users/info")
@router.get("/users/profile")
async def own_info(caller: CallerOf, accounts: AccountsOf) -> Response:
    """Return the caller."""
    return answer(user_info(await accounts.user(caller, caller.user_id)))


@router.put("/users/profile")
async def change_profile(body: bodies.Profile, caller: CallerOf, accounts: AccountsOf) -> Response:
    """Change the caller's picture or name."""
    changes = UserChanges(nickname=body.nickname, avatar=body.avatar_url)
    return answer(user_info(await accounts.update_profile(caller, changes)))


@router.get("/users/search")
async def search(
    q: Annotated[str, Query(min_length=1)],
    caller: CallerOf,
    accounts: AccountsOf,
    limit: Annotated[int, Query(ge=1, le=MAX_FOUND)] = 10,
) -> Response:
    """Return users whose name holds the words."""
    return answer({"users": [user_info(user) for user in await accounts.search(caller, q, limit)]})


@router.get("/users/status/online")
async def online(caller: CallerOf, accounts: AccountsOf, conversations: ConversationsOf) -> Response:
    """Return who is online of those the caller has a single conversation with."""
    views = await conversation_views(conversations, caller, MAX_CONVERSATIONS)
    peers = [view.peer.id for view in views if view.peer is not None]
    told: dict[str, bool] = {}
    for begin in range(0, len(peers), _PART):
        states = await accounts.presence(caller, peers[begin : begin + _PART])
        told |= {state.user_id: state.online for state in states}
    return answer(told)


@router.get("/users/{username}")
async def find(username: str, caller: CallerOf, accounts: AccountsOf) -> Response:
    """Return the user with exactly this name."""
    return answer(user_info(await accounts.user(caller, username)))


@router.get("/users/{username}/status")
async def status(username: str, caller: CallerOf, accounts: AccountsOf) -> Response:
    """Say whether somebody is online; of whom the caller may not know, it says no."""
    user = await accounts.user(caller, username)
    states = await accounts.presence(caller, [user.id])
    seen = any(state.online for state in states)
    return answer({"userId": user.id, "online": seen, "status": "online" if seen else "offline"})
