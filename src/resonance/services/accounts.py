"""Accounts: who somebody is, on which devices, and what others may see of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from resonance.domain.model import Caller, Device, PresenceState, Principal, User, UserChanges


@dataclass(frozen=True, slots=True)
class Registration:
    """A wish to register; registering logs in.

    Attributes:
        dialect: what the client speaks ("": native); tokens carry it.
        guest: an account to look around with, which is said of it to everybody; `logic.guests` is what it may not do.
    """

    user_id: str
    password: str
    nickname: str = ""
    avatar: str = ""
    invitation: str = ""
    platform: int = 0
    device_name: str = ""
    address: str = ""
    dialect: str = ""
    guest: bool = False


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account that a service brings along. `password_hash` is argon2id (`Accounts.create_user`)."""

    user_id: str
    password_hash: str
    nickname: str = ""
    avatar: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """A wish to log in. `address` is the client's IP, for throttling; `dialect` as in `Registration`."""

    user_id: str
    password: str
    platform: int = 0
    device_name: str = ""
    address: str = ""
    dialect: str = ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login answers: a pair of tokens. `expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int
    user: User
    device_id: str


class Accounts(ABC):
    """Registration, login, tokens, devices, profiles. Refusals are `ServiceError`s."""

    @abstractmethod
    async def register(self, registration: Registration) -> Tokens:
        """Create an account and log in. Raises INVALID_ARGUMENT, USER_EXISTS, REGISTRATION_CLOSED,
        INVITATION_INVALID, RATE_LIMITED.
        """

    @abstractmethod
    async def create_user(self, account: NewAccount) -> User:
        """Create an account whose password a service has hashed, and log nobody in.

        The hash is argon2id's, version 19, in the PHC format, of at most 1 GiB times passes; it is replaced by one
        of our own cost at the first login. For services: a client would choose weak ones.

        Raises:
            ServiceError: INVALID_ARGUMENT, USER_EXISTS, REGISTRATION_CLOSED, INVITATION_INVALID.
        """

    @abstractmethod
    async def verify_password(self, user_id: str, password: str) -> bool:
        """Say whether a password is right, and log nobody in; failures count as failed logins. For services.

        Raises:
            ServiceError: USER_DISABLED (the password is right), RATE_LIMITED, BUSY.
        """

    @abstractmethod
    async def login(self, login: Login) -> Tokens:
        """Check a password and record a device. Raises WRONG_CREDENTIALS, USER_DISABLED, RATE_LIMITED."""

    @abstractmethod
    async def refresh(self, refresh_token: str) -> Tokens:
        """Exchange a refresh token. Raises TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_REVOKED, REFRESH_REUSED."""

    @abstractmethod
    async def logout(self, caller: Caller) -> None:
        """Close the caller's device and its connections."""

    @abstractmethod
    async def authenticate(self, access_token: str) -> Principal:
        """Say who an access token is of, its device's state included.

        Raises:
            ServiceError: UNAUTHENTICATED ("" given), TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_REVOKED, USER_DISABLED.
        """

    @abstractmethod
    async def change_password(self, caller: Caller, old: str, new: str) -> None:
        """Set a new password and end the caller's other devices. Raises WRONG_CREDENTIALS, INVALID_ARGUMENT."""

    @abstractmethod
    async def devices(self, caller: Caller) -> list[Device]:
        """Return the caller's active devices."""

    @abstractmethod
    async def revoke_device(self, caller: Caller, device_id: str) -> None:
        """End one of the caller's devices and its connections. Raises DEVICE_NOT_FOUND."""

    @abstractmethod
    async def set_disabled(self, caller: Caller, user_id: str, disabled: bool) -> None:
        """Disable or enable an account. Raises PERMISSION_DENIED unless the caller is an admin; USER_NOT_FOUND."""

    @abstractmethod
    async def create_invitation(self, caller: Caller, uses: int, ttl_s: int) -> str:
        """Return a new invitation code. Raises PERMISSION_DENIED unless the caller is an admin."""

    @abstractmethod
    async def user(self, caller: Caller, user_id: str) -> User:
        """Return a profile. Raises USER_NOT_FOUND."""

    @abstractmethod
    async def users(self, caller: Caller, user_ids: Sequence[str]) -> list[User]:
        """Return the profiles of those (at most 100) that exist, in the order asked for."""

    @abstractmethod
    async def search(self, caller: Caller, query: str, limit: int) -> list[User]:
        """Return users whose handle or nickname holds the query; limit 1–50."""

    @abstractmethod
    async def update_profile(self, caller: Caller, changes: UserChanges) -> User:
        """Change the caller's profile and return it."""

    @abstractmethod
    async def presence(self, caller: Caller, user_ids: Sequence[str]) -> list[PresenceState]:
        """Return who of these (at most 500) is online. Told of are the caller and friends, unless one has
        blocked the other.
        """
