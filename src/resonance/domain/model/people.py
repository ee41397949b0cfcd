"""People: accounts, their devices, and what stands between two of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

from resonance.domain.ids import UserId


class UserKind(IntEnum):
    """What an account is used by."""

    HUMAN = 0
    BOT = 1
    GUEST = 2
    SYSTEM = 3


class UserStatus(IntEnum):
    """Whether an account may log in."""

    ACTIVE = 0
    DISABLED = 1


class Platform(IntEnum):
    """What a device is (Nexo's platform_id)."""

    UNKNOWN = 0
    IOS = 1
    ANDROID = 2
    WINDOWS = 3
    MACOS = 4
    WEB = 5


class DeviceState(StrEnum):
    """Why a device's tokens are accepted or not. Only ACTIVE is accepted; the others never change again."""

    ACTIVE = "active"
    LOGGED_OUT = "logged_out"
    REVOKED = "revoked"
    KICKED = "kicked"
    EXPIRED = "expired"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class User:
    """An account as others may see it. `extra` is "" or a JSON object as text; `last_seen_at` 0 means never."""

    id: UserId
    nickname: str
    avatar: str = ""
    extra: str = ""
    kind: UserKind = UserKind.HUMAN
    status: UserStatus = UserStatus.ACTIVE
    is_admin: bool = False
    last_seen_at: int = 0
    created_at: int = 0
    updated_at: int = 0


@dataclass(frozen=True, slots=True)
class NewUser:
    """An account to be made. `password_hash` "" means that nobody can log in with a password."""

    id: UserId
    nickname: str
    password_hash: str
    avatar: str = ""
    extra: str = ""
    kind: UserKind = UserKind.HUMAN
    first_is_admin: bool = False
    invitation: str = ""


@dataclass(frozen=True, slots=True)
class UserChanges:
    """What to change of a profile; None leaves a field as it is."""

    nickname: str | None = None
    avatar: str | None = None
    extra: str | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What login has to know of an account."""

    user_id: UserId
    password_hash: str
    status: UserStatus
    is_admin: bool


@dataclass(frozen=True, slots=True)
class Device:
    """One login: the pair of tokens that one app on one machine holds, from login to logout.

    Attributes:
        id: carried in both tokens as the claim `did`; random, unguessable.
        name: what the client calls itself, for the owner's list of devices.
        refresh_id: the jti of the only refresh token that is good now (empty for tokens without one).
    """

    id: str
    user_id: UserId
    platform: Platform
    name: str
    state: DeviceState
    refresh_id: str
    created_at: int
    used_at: int
    expires_at: int


class Caller(NamedTuple):
    """Who a command comes from, as proven by a token at the edge. Roles trust it, clients never send it."""

    user_id: UserId
    platform: int
    device_id: str


@dataclass(frozen=True, slots=True)
class Principal:
    """What a good access token says: who calls, until when, what kind of account that is, and to which dialect's client
    it was given ("" native).
    """

    caller: Caller
    expires_at: int
    kind: UserKind = UserKind.HUMAN
    is_admin: bool = False
    dialect: str = ""


class RequestStatus(IntEnum):
    """Where a friend or join request stands."""

    PENDING = 0
    ACCEPTED = 1
    REJECTED = 2


@dataclass(frozen=True, slots=True)
class Friend:
    """One side of a friendship, or the tombstone of one (`is_friend` False), or a block of somebody.

    `blocked` means that the owner of the row has blocked `friend_id`.
    """

    user_id: UserId
    friend_id: UserId
    is_friend: bool
    blocked: bool
    remark: str
    updated_at: int


@dataclass(frozen=True, slots=True)
class FriendRequest:
    """A wish to become friends; one row per ordered pair, the newest wish wins."""

    sender: UserId
    recipient: UserId
    message: str
    status: RequestStatus
    created_at: int
    updated_at: int
