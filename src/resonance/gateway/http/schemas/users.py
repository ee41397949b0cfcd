"""Accounts, tokens and profiles as JSON."""

from __future__ import annotations

from pydantic import AliasChoices, Field

from resonance.domain.model import Device, PresenceState, User, UserChanges, UserKind
from resonance.gateway.http.schemas.fields import MAX_INT64, Body, Platform, UserKindName
from resonance.services.accounts import Login, Registration, Tokens

_USERNAME = AliasChoices("username", "user_id")
_AVATAR = AliasChoices("avatar_url", "avatar")

# ---------------------------------------------------------------- requests


class LoginBody(Body):
    """Who logs in, with what, on which device."""

    username: str = Field(validation_alias=_USERNAME)
    """The handle; `user_id` is accepted too."""
    password: str
    platform: Platform = 0
    device_name: str = ""
    """What the owner's list of devices calls this login."""


class RegisterBody(LoginBody):
    """A wish to register; registering logs in."""

    nickname: str = ""
    """The name that others see; by default the handle."""
    avatar_url: str = Field("", validation_alias=_AVATAR)
    invitation: str = ""
    """Needed where registration is by invitation."""


class RefreshBody(Body):
    """A refresh token; it is good once."""

    refresh_token: str


class PasswordBody(Body):
    """A change of password; it ends the caller's other devices."""

    old_password: str = Field(validation_alias=AliasChoices("old_password", "old"))
    new_password: str = Field(validation_alias=AliasChoices("new_password", "new"))


class ProfileBody(Body):
    """What to change of the own profile; what is missing stays."""

    nickname: str | None = None
    avatar_url: str | None = Field(None, validation_alias=_AVATAR)
    extra: str | None = None
    """A JSON object as text, kept as it is."""


class UserIdsBody(Body):
    """Whom it is about."""

    user_ids: list[str] = Field(max_length=100)


class InvitationBody(Body):
    """How good an invitation shall be."""

    uses: int = Field(1, ge=1, le=1_000_000)
    ttl_s: int = Field(7 * 86_400, ge=1, le=366 * 86_400)
    """Seconds until it expires."""


class DisabledBody(Body):
    """Whether an account may log in."""

    disabled: bool


# ---------------------------------------------------------------- answers


class UserOut(Body):
    """An account as others may see it."""

    id: str
    username: str
    """The same as `id`: the handle."""
    nickname: str
    avatar_url: str
    extra: str
    kind: UserKindName
    is_guest: bool
    is_admin: bool
    created_at: int
    updated_at: int


class TokensOut(Body):
    """A login: what to authorize requests with, and who one is."""

    access_token: str
    refresh_token: str
    expires_in: int
    """Life of the access token in seconds."""
    device_id: str
    user: UserOut


class RegisteredOut(TokensOut):
    """The login of a new account; who it is stands beside it, too (wire.md 3.2.1)."""

    id: str
    username: str
    nickname: str


class UsersOut(Body):
    """Accounts."""

    users: list[UserOut]


class DeviceOut(Body):
    """A login of the caller's."""

    id: str
    platform: Platform
    name: str
    current: bool
    """Whether it is the one that asks."""
    created_at: int
    used_at: int
    expires_at: int


class DevicesOut(Body):
    """The caller's logins."""

    devices: list[DeviceOut]


class InvitationOut(Body):
    """A new invitation."""

    code: str


class PresenceOut(Body):
    """Whether somebody is online, and where."""

    user_id: str
    online: bool
    platforms: list[Platform]
    last_seen_at: int = Field(ge=0, le=MAX_INT64)
    """0 for never, or when the caller may not know."""


class PresencesOut(Body):
    """Who is online."""

    presence: list[PresenceOut]


# ---------------------------------------------------------------- from and to the domain


def registration(body: RegisterBody, address: str) -> Registration:
    """Return the wish to register that a body means."""
    return Registration(
        user_id=body.username,
        password=body.password,
        nickname=body.nickname,
        avatar=body.avatar_url,
        invitation=body.invitation,
        platform=body.platform,
        device_name=body.device_name,
        address=address,
    )


def login(body: LoginBody, address: str) -> Login:
    """Return the wish to log in that a body means."""
    return Login(body.username, body.password, body.platform, body.device_name, address)


def user_changes(body: ProfileBody) -> UserChanges:
    """Return the change of profile that a body means."""
    return UserChanges(body.nickname, body.avatar_url, body.extra)


def user_out(user: User) -> UserOut:
    """Return a profile's JSON. Whether and when somebody was online is for friends only: see presence."""
    return UserOut(
        id=user.id,
        username=user.id,
        nickname=user.nickname,
        avatar_url=user.avatar,
        extra=user.extra,
        kind=user.kind,
        is_guest=user.kind is UserKind.GUEST,
        is_admin=user.is_admin,
        created_at=user.created_at,
        updated_at=user.updated_at,
    )


def tokens_out(tokens: Tokens) -> TokensOut:
    """Return a login's JSON."""
    return TokensOut(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        expires_in=tokens.expires_in,
        device_id=tokens.device_id,
        user=user_out(tokens.user),
    )


def registered_out(tokens: Tokens) -> RegisteredOut:
    """Return a new account's JSON."""
    user = tokens.user
    return RegisteredOut(**dict(tokens_out(tokens)), id=user.id, username=user.id, nickname=user.nickname)


def device_out(device: Device, current: str) -> DeviceOut:
    """Return a device's JSON; `current` is the id of the caller's own."""
    return DeviceOut(
        id=device.id,
        platform=int(device.platform),
        name=device.name,
        current=device.id == current,
        created_at=device.created_at,
        used_at=device.used_at,
        expires_at=device.expires_at,
    )


def presence_out(state: PresenceState) -> PresenceOut:
    """Return a presence's JSON."""
    return PresenceOut(
        user_id=state.user_id, online=state.online, platforms=list(state.platforms), last_seen_at=state.last_seen_at
    )
