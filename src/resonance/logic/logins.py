"""Logins: from a password or a refresh token to a device with a pair of tokens."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from resonance.config.settings import AccountsConfig, Auth
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import UserId, check_handle, check_new_handle
from resonance.domain.model import Credentials, Device, DeviceState, NewUser, Platform, User, UserKind, UserStatus
from resonance.logic import checks
from resonance.logic.devices import Devices
from resonance.logic.passwords import Passwords, check_hash
from resonance.logic.seams import Clock
from resonance.logic.throttle import LoginThrottle, Throttle, address_key
from resonance.logic.tokens import Claims, Signer, TokenKind
from resonance.observe import metrics
from resonance.ports.counters import Counters
from resonance.ports.store import NewDevice, Store
from resonance.services.accounts import Login, NewAccount, Registration, Tokens

_WRONG = "user or password is wrong"


class Logins:
    """Opens devices, signs their tokens, rotates them. Who may, and how often, is decided here."""

    def __init__(
        self,
        store: Store,
        devices: Devices,
        signer: Signer,
        passwords: Passwords,
        clock: Clock,
        accounts: AccountsConfig,
        auth: Auth,
        counters: Counters,
    ) -> None:
        self._store = store
        self._devices = devices
        self._signer = signer
        self._passwords = passwords
        self._clock = clock
        self._config = accounts
        self._access_ms = int(auth.access_ttl * 1000)
        self._refresh_ms = int(auth.refresh_ttl * 1000)
        self._grace_ms = int(auth.refresh_grace * 1000)
        window_ms = int(accounts.attempts_window * 1000)
        self._failures = LoginThrottle(
            Throttle(counters, "login-account", lambda: accounts.attempts_per_account, window_ms),
            Throttle(counters, "login-address", lambda: accounts.attempts_per_address, window_ms),
        )
        self._registrations = Throttle(counters, "registration", lambda: accounts.registrations_per_address, window_ms)

    async def register(self, wish: Registration) -> Tokens:
        """Create an account and log it in (`Accounts.register`)."""
        with metrics.logic_register_seconds.time():
            invitation = self._admission(wish.invitation)
            user_id = check_new_handle(wish.user_id)
            nickname = checks.check_name(wish.nickname or user_id, "nickname", checks.MAX_NICKNAME)
            avatar = checks.check_avatar(wish.avatar)
            platform = checks.check_platform(wish.platform)
            device_name = checks.check_label(wish.device_name, "device_name", checks.MAX_DEVICE_NAME)
            password = self._passwords.check_new(wish.password)
            if wish.address:
                await self._registrations.enter(address_key(wish.address))
            user = await self._store.create_user(
                NewUser(
                    user_id,
                    nickname,
                    await self._passwords.hash(password),
                    avatar=avatar,
                    kind=UserKind.GUEST if wish.guest else UserKind.HUMAN,
                    first_is_admin=self._config.first_is_admin and not wish.guest,
                    invitation=invitation,
                )
            )
            return await self._open(user, platform, device_name, wish.dialect)

    async def create(self, wish: NewAccount) -> User:
        """Create an account with a hash that a service has made (`Accounts.create_user`)."""
        invitation = self._admission("")
        user_id = check_new_handle(wish.user_id)
        return await self._store.create_user(
            NewUser(
                user_id,
                checks.check_name(wish.nickname or user_id, "nickname", checks.MAX_NICKNAME),
                check_hash(wish.password_hash),
                avatar=checks.check_avatar(wish.avatar),
                first_is_admin=self._config.first_is_admin,
                invitation=invitation,
            )
        )

    async def login(self, wish: Login) -> Tokens:
        """Check a password and record a device (`Accounts.login`)."""
        with metrics.logic_login_seconds.time():
            user_id = check_handle(wish.user_id)
            platform = checks.check_platform(wish.platform)
            device_name = checks.check_label(wish.device_name, "device_name", checks.MAX_DEVICE_NAME)
            found = await self.prove(user_id, wish.password, address=wish.address)
            if found.status is not UserStatus.ACTIVE:
                raise ServiceError(Code.USER_DISABLED)
            tokens = await self._open(await self._user(user_id), platform, device_name, wish.dialect)
            await self._confirm(found, wish.password, tokens.device_id)
            return tokens

    async def prove(self, user_id: UserId, password: str, *, address: str = "", field: str = "password") -> Credentials:
        """Return the account's credentials when the password is right, and count a failure when it is wrong.

        An unknown user takes as long as a wrong password and is answered the same.

        Raises:
            ServiceError: WRONG_CREDENTIALS, RATE_LIMITED, BUSY.
        """
        async with self._attempt(user_id, address):
            found = await self._store.credentials(user_id)
            verdict = await self._passwords.verify(password, found.password_hash if found else "", field)
            if found is None or not verdict.right:
                raise ServiceError(Code.WRONG_CREDENTIALS, _WRONG)
        if not verdict.replacement:
            return found
        await self._store.upgrade_hash(user_id, found.password_hash, verdict.replacement)
        return replace(found, password_hash=verdict.replacement)

    async def refresh(self, refresh_token: str) -> Tokens:
        """Exchange a refresh token (`Accounts.refresh`).

        Within the grace the token before the current one is answered with the current one, signed anew.
        """
        claims = self._signer.verify(refresh_token, TokenKind.REFRESH)
        rotation = await self._store.rotate_refresh(
            claims.device_id, claims.token_id, _random_id(), self._clock() + self._refresh_ms, self._grace_ms
        )
        if not rotation.accepted:
            await self._devices.end([rotation.device.id], rotation.device.state)
            raise ServiceError(Code.REFRESH_REUSED)
        return self._pair(await self._user(claims.user_id), rotation.device, claims.dialect)

    def _admission(self, invitation: str) -> str:
        """Return the invitation to use up, "" for none, or refuse a registration that this server does not take."""
        if self._config.registration == "closed":
            raise ServiceError(Code.REGISTRATION_CLOSED)
        if self._config.registration == "open":
            return ""
        if not invitation:
            raise ServiceError(Code.INVITATION_INVALID, "an invitation is needed to register here", field="invitation")
        return checks.check_opaque(invitation, "invitation")

    @asynccontextmanager
    async def _attempt(self, user_id: UserId, address: str) -> AsyncIterator[None]:
        """Count what happens inside as a failed login, unless the password turns out right or is never compared.

        A caller that goes away meanwhile has failed: otherwise hanging up early would make guesses free.
        """
        await self._failures.enter(user_id, address)
        try:
            yield
        except ServiceError as error:
            if error.code is not Code.WRONG_CREDENTIALS:
                await self._failures.aborted(user_id, address)
            raise
        await self._failures.succeeded(user_id, address)

    async def _open(self, user: User, platform: Platform, name: str, dialect: str) -> Tokens:
        """Record a device, end those it displaces, and return its tokens."""
        opened = await self._store.open_device(
            NewDevice(
                id=_random_id(),
                user_id=user.id,
                platform=platform,
                name=name,
                refresh_id=_random_id(),
                expires_at=self._clock() + self._refresh_ms,
                newest_wins=platform in self._config.newest_wins,
                max_devices=self._config.max_devices,
            )
        )
        await self._devices.ended(opened.closed)
        return self._pair(user, opened.device, dialect)

    async def _confirm(self, proven: Credentials, password: str, device_id: str) -> None:
        """Take the login back when the password was changed between its check and the device's record.

        The change ends the devices it sees; this one looks again after it can be seen: one of the two catches it.
        """
        now = await self._store.credentials(proven.user_id)
        if now is None or now.password_hash == proven.password_hash:
            return
        if not (await self._passwords.verify(password, now.password_hash)).right:
            await self._devices.ended(await self._store.close_devices(proven.user_id, [device_id], DeviceState.REVOKED))
            raise ServiceError(Code.WRONG_CREDENTIALS, _WRONG)

    async def _user(self, user_id: UserId) -> User:
        users = await self._store.users([user_id])
        if not users:
            raise ServiceError(Code.USER_NOT_FOUND, f"there is no user {user_id}")
        return users[0]

    def _pair(self, user: User, device: Device, dialect: str) -> Tokens:
        """Sign the device's two tokens. No access token outlives its device's refresh token."""
        now = self._clock()
        ends_at = min(now + self._access_ms, device.expires_at)
        access = Claims(user.id, device.id, device.platform, TokenKind.ACCESS, _random_id(), now, ends_at, dialect)
        refresh = Claims(
            user.id, device.id, device.platform, TokenKind.REFRESH, device.refresh_id, now, device.expires_at, dialect
        )
        return Tokens(
            access_token=self._signer.sign(access),
            refresh_token=self._signer.sign(refresh),
            expires_in=(ends_at - now) // 1000,
            user=user,
            device_id=device.id,
        )


def _random_id() -> str:
    """Return an id that nobody can guess (128 bits), as devices and tokens have."""
    return secrets.token_hex(16)
