"""/auth and /user."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, Response

from resonance.domain.model import Caller, PresenceState, UserChanges
from resonance.gateway.dialects.nexo import bodies
from resonance.gateway.dialects.nexo.context import CallerOf, area_router
from resonance.gateway.dialects.nexo.envelope import answer
from resonance.gateway.dialects.nexo.errors import ANYWHERE
from resonance.gateway.dialects.nexo.tables import online_status, user_info
from resonance.gateway.http.context import AccountsOf, AddressOf
from resonance.services.accounts import Login, Registration

DIALECT = "nexo"

router: APIRouter = area_router("", ANYWHERE)


@router.post("/auth/register")
async def register(body: bodies.Register, accounts: AccountsOf, address: AddressOf) -> Response:
    """Create an account. The client logs in afterwards, so the login that comes with an account ends at once."""
    wish = Registration(
        body.user_id or _new_user_id(),
        body.password,
        nickname=body.nickname,
        avatar=body.avatar,
        address=address,
        dialect=DIALECT,
    )
    tokens = await accounts.register(wish)
    await accounts.logout(Caller(tokens.user.id, 0, tokens.device_id))
    return answer(user_info(tokens.user))


@router.post("/auth/login")
async def login(body: bodies.Login, accounts: AccountsOf, address: AddressOf) -> Response:
    """Log in. The token is good for this platform alone."""
    wish = Login(body.user_id, body.password, platform=body.platform_id, address=address, dialect=DIALECT)
    tokens = await accounts.login(wish)
    return answer({"token": tokens.access_token, "user_info": user_info(tokens.user)})


@router.get("/user/info")
async def own_info(caller: CallerOf, accounts: AccountsOf) -> Response:
    """Return the caller."""
    return answer(user_info(await accounts.user(caller, caller.user_id)))


@router.get("/user/info/{user_id}")
@router.get("/user/profile/{user_id}")
async def profile(user_id: str, caller: CallerOf, accounts: AccountsOf) -> Response:
    """Return somebody."""
    return answer(user_info(await accounts.user(caller, user_id)))


@router.put("/user/update")
async def update(body: bodies.Profile, caller: CallerOf, accounts: AccountsOf) -> Response:
    """Change the caller's profile; what is missing stays."""
    changes = UserChanges(nickname=body.nickname or None, avatar=body.avatar, extra=body.extra)
    return answer(user_info(await accounts.update_profile(caller, changes)))


@router.post("/user/batch_info")
async def batch_info(body: bodies.Users, caller: CallerOf, accounts: AccountsOf) -> Response:
    """Return those of these users that exist."""
    return answer([user_info(user) for user in await accounts.users(caller, body.user_ids)])


@router.post("/user/get_users_online_status")
async def users_online(body: bodies.Users, caller: CallerOf, accounts: AccountsOf) -> Response:
    """Return who of these is online, as far as the caller may know."""
    states: dict[str, PresenceState] = {
        state.user_id: state for state in await accounts.presence(caller, body.user_ids)
    }
    return answer([online_status(user_id, states.get(user_id)) for user_id in body.user_ids])


def _new_user_id() -> str:
    """Return a handle of eighteen digits for somebody who chose none."""
    return str(10**17 + secrets.randbelow(9 * 10**17))
