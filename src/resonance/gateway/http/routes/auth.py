"""Registration, login, tokens and devices; and what admins do about accounts."""

from __future__ import annotations

from resonance.domain.errors import Code, ServiceError
from resonance.gateway.http.context import AccountsOf, AddressOf, CallerOf, ContextOf, TokenOf
from resonance.gateway.http.refusals import refusals
from resonance.gateway.http.schemas.fields import Empty
from resonance.gateway.http.schemas.users import (
    DevicesOut,
    DisabledBody,
    InvitationBody,
    InvitationOut,
    LoginBody,
    PasswordBody,
    RefreshBody,
    RegisterBody,
    RegisteredOut,
    TokensOut,
    device_out,
    login,
    registered_out,
    registration,
    tokens_out,
)
from resonance.gateway.http.strict import api_router

DEAD = frozenset({Code.TOKEN_INVALID, Code.TOKEN_EXPIRED, Code.TOKEN_REVOKED, Code.USER_DISABLED})
"""What a token that needs no logging out is refused with."""

router = api_router("/api/v1/auth", "auth")
admin_router = api_router("/api/v1/admin", "admin")


@router.post(
    "/register",
    operation_id="register",
    summary="Create an account and log in",
    responses=refusals(Code.USER_EXISTS, Code.REGISTRATION_CLOSED, Code.INVITATION_INVALID, authenticated=False),
)
async def register(body: RegisterBody, accounts: AccountsOf, address: AddressOf) -> RegisteredOut:
    """The handle can never be changed; the nickname can."""
    return registered_out(await accounts.register(registration(body, address)))


@router.post(
    "/login",
    operation_id="login",
    summary="Log in",
    responses=refusals(Code.WRONG_CREDENTIALS, Code.USER_DISABLED, authenticated=False),
)
async def log_in(body: LoginBody, accounts: AccountsOf, address: AddressOf) -> TokensOut:
    """Each login is a device of its own, with its own pair of tokens."""
    return tokens_out(await accounts.login(login(body, address)))


@router.post(
    "/refresh",
    operation_id="refresh",
    summary="Exchange a refresh token for a new pair",
    responses=refusals(
        Code.TOKEN_INVALID, Code.TOKEN_EXPIRED, Code.TOKEN_REVOKED, Code.REFRESH_REUSED, authenticated=False
    ),
)
async def refresh(body: RefreshBody, accounts: AccountsOf) -> TokensOut:
    """A refresh token is good once; using an older one again logs the device out."""
    return tokens_out(await accounts.refresh(body.refresh_token))


@router.delete("/logout", operation_id="logout_by_delete", summary="Log out", responses=refusals())
@router.post("/logout", operation_id="logout", summary="Log out", responses=refusals())
async def log_out(token: TokenOf, accounts: AccountsOf, context: ContextOf) -> Empty:
    """Ends the device, both its tokens and its connections. A token that is dead already is no error."""
    try:
        principal = await context.authenticator.authenticate(token)
    except ServiceError as error:
        if error.code in DEAD:
            return Empty()
        raise
    await accounts.logout(principal.caller)
    context.authenticator.forget((principal.caller.device_id,))
    return Empty()


@router.post(
    "/password",
    operation_id="change_password",
    summary="Change the password",
    responses=refusals(Code.WRONG_CREDENTIALS),
)
async def change_password(body: PasswordBody, caller: CallerOf, accounts: AccountsOf) -> Empty:
    """Ends the caller's other devices."""
    await accounts.change_password(caller, body.old_password, body.new_password)
    return Empty()


@router.get("/devices", operation_id="list_devices", summary="The caller's logins", responses=refusals())
async def devices(caller: CallerOf, accounts: AccountsOf) -> DevicesOut:
    """The latest used comes first."""
    return DevicesOut(devices=[device_out(device, caller.device_id) for device in await accounts.devices(caller)])


@router.delete(
    "/devices/{device_id}",
    operation_id="revoke_device",
    summary="End one of the caller's logins",
    responses=refusals(Code.DEVICE_NOT_FOUND),
)
async def revoke_device(device_id: str, caller: CallerOf, accounts: AccountsOf, context: ContextOf) -> Empty:
    """Ends both its tokens and its connections."""
    await accounts.revoke_device(caller, device_id)
    context.authenticator.forget((device_id,))
    return Empty()


@admin_router.post(
    "/invitations",
    operation_id="create_invitation",
    summary="Make an invitation",
    responses=refusals(Code.PERMISSION_DENIED),
)
async def create_invitation(body: InvitationBody, caller: CallerOf, accounts: AccountsOf) -> InvitationOut:
    """For admins. The code lets `uses` people register."""
    return InvitationOut(code=await accounts.create_invitation(caller, body.uses, body.ttl_s))


@admin_router.put(
    "/users/{user_id}/disabled",
    operation_id="set_user_disabled",
    summary="Disable or enable an account",
    responses=refusals(Code.PERMISSION_DENIED, Code.USER_NOT_FOUND),
)
async def set_disabled(user_id: str, body: DisabledBody, caller: CallerOf, accounts: AccountsOf) -> Empty:
    """For admins. Disabling ends all devices of the account."""
    await accounts.set_disabled(caller, user_id, body.disabled)
    return Empty()
