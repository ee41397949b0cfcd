"""Accounts: the use cases of who somebody is. Logging in is in `logins`, ending devices in `devices`."""

from __future__ import annotations

from collections.abc import Sequence

from resonance.domain.errors import Code, ServiceError, invalid
from resonance.domain.ids import check_handle
from resonance.domain.model import Caller, Device, DeviceState, PresenceState, Principal, User, UserChanges, UserStatus
from resonance.logic import checks
from resonance.logic.devices import Devices
from resonance.logic.guests import not_for_guests
from resonance.logic.logins import Logins
from resonance.logic.lookups import Lookups
from resonance.logic.membership import visible_presence
from resonance.logic.passwords import Passwords
from resonance.logic.seams import Clock, PresenceView
from resonance.logic.tokens import Signer, TokenKind
from resonance.ports.store import Store
from resonance.services.accounts import Accounts, Login, NewAccount, Registration, Tokens

MAX_USERS = 100
MAX_PRESENCE = 500
MAX_SEARCH = 50
MAX_USES = 10_000
MAX_INVITATION_S = 365 * 86_400


class AccountsLogic(Accounts):
    """`Accounts` on a store, with live connections ended as devices are."""

    def __init__(
        self,
        store: Store,
        logins: Logins,
        devices: Devices,
        signer: Signer,
        passwords: Passwords,
        presence: PresenceView,
        clock: Clock,
        lookups: Lookups | None = None,
    ) -> None:
        self._store = store
        self._lookups = lookups or Lookups(store)
        self._logins = logins
        self._devices = devices
        self._signer = signer
        self._passwords = passwords
        self._presence = presence
        self._clock = clock

    # ------------------------------------------------------------ tokens

    async def register(self, registration: Registration) -> Tokens:
        return await self._logins.register(registration)

    async def create_user(self, account: NewAccount) -> User:
        return await self._logins.create(account)

    async def verify_password(self, user_id: str, password: str) -> bool:
        try:
            found = await self._logins.prove(check_handle(user_id), password)
        except ServiceError as error:
            if error.code is Code.WRONG_CREDENTIALS:
                return False
            raise
        if found.status is not UserStatus.ACTIVE:
            raise ServiceError(Code.USER_DISABLED)
        return True

    async def login(self, login: Login) -> Tokens:
        return await self._logins.login(login)

    async def refresh(self, refresh_token: str) -> Tokens:
        return await self._logins.refresh(refresh_token)

    async def authenticate(self, access_token: str) -> Principal:
        claims = self._signer.verify(access_token, TokenKind.ACCESS)
        user = await self._devices.check(claims.device_id, claims.user_id)
        caller = Caller(claims.user_id, claims.platform, claims.device_id)
        return Principal(caller, claims.expires_at, user.kind, user.is_admin, claims.dialect)

    # ------------------------------------------------------------ devices and passwords

    async def logout(self, caller: Caller) -> None:
        await self._store.close_devices(caller.user_id, [caller.device_id], DeviceState.LOGGED_OUT)
        await self._devices.end([caller.device_id], DeviceState.LOGGED_OUT)

    async def change_password(self, caller: Caller, old: str, new: str) -> None:
        chosen = self._passwords.check_new(new, "new")
        await self._logins.prove(caller.user_id, old, field="old")
        password_hash = await self._passwords.hash(chosen)
        closed = await self._store.set_password(caller.user_id, password_hash, caller.device_id)
        await self._devices.ended(closed)

    async def devices(self, caller: Caller) -> list[Device]:
        return await self._store.devices(caller.user_id)

    async def revoke_device(self, caller: Caller, device_id: str) -> None:
        known = checks.check_opaque(device_id, "device_id")
        closed = await self._store.close_devices(caller.user_id, [known], DeviceState.REVOKED)
        if not closed:
            raise ServiceError(Code.DEVICE_NOT_FOUND)
        await self._devices.ended(closed)

    # ------------------------------------------------------------ admins

    async def set_disabled(self, caller: Caller, user_id: str, disabled: bool) -> None:
        await self._require_admin(caller)
        target = check_handle(user_id)
        if target == caller.user_id:
            raise invalid("user_id", "admins cannot disable themselves")
        status = UserStatus.DISABLED if disabled else UserStatus.ACTIVE
        closed = await self._store.set_user_status(target, status)
        await self._lookups.changed(target)
        await self._devices.ended(closed)

    async def create_invitation(self, caller: Caller, uses: int, ttl_s: int) -> str:
        await self._require_admin(caller)
        checks.check_range(uses, "uses", 1, MAX_USES)
        checks.check_range(ttl_s, "ttl_s", 1, MAX_INVITATION_S)
        return await self._store.create_invitation(caller.user_id, uses, self._clock() + ttl_s * 1000)

    async def _require_admin(self, caller: Caller) -> None:
        """Refuse who is no admin by the store's word, which is newer than the caller's token."""
        credentials = await self._store.credentials(caller.user_id)
        if credentials is None or not credentials.is_admin:
            raise ServiceError(Code.PERMISSION_DENIED, "only admins may do this")

    # ------------------------------------------------------------ profiles (open to everybody who has an account)

    async def user(self, caller: Caller, user_id: str) -> User:
        wanted = [check_handle(user_id)]
        # of callers something may be decided, and they know what they have changed: no copy stands for them
        own = user_id == caller.user_id
        found = await (self._store.users(wanted) if own else self._lookups.profiles(wanted))
        if not found:
            raise ServiceError(Code.USER_NOT_FOUND, f"there is no user {user_id}", field="user_id")
        return found[0]

    async def users(self, caller: Caller, user_ids: Sequence[str]) -> list[User]:  # noqa: ARG002
        checks.check_count(user_ids, "user_ids", MAX_USERS)
        wanted = checks.check_handles(user_ids, "user_ids")
        found = {user.id: user for user in await self._lookups.profiles(wanted)}
        return [found[user_id] for user_id in wanted if user_id in found]

    @not_for_guests
    async def search(self, caller: Caller, query: str, limit: int) -> list[User]:  # noqa: ARG002
        text = checks.check_name(query, "query", checks.MAX_NICKNAME)
        return await self._store.search_users(text, checks.check_limit(limit, MAX_SEARCH))

    @not_for_guests
    async def update_profile(self, caller: Caller, changes: UserChanges) -> User:
        nickname, avatar, extra = changes.nickname, changes.avatar, changes.extra
        checked = UserChanges(
            nickname=None if nickname is None else checks.check_name(nickname, "nickname", checks.MAX_NICKNAME),
            avatar=None if avatar is None else checks.check_avatar(avatar),
            extra=None if extra is None else checks.check_profile_extra(extra),
        )
        changed = await self._store.update_user(caller.user_id, checked)
        await self._lookups.changed(caller.user_id)
        return changed

    async def presence(self, caller: Caller, user_ids: Sequence[str]) -> list[PresenceState]:
        checks.check_count(user_ids, "user_ids", MAX_PRESENCE)
        wanted = checks.check_handles(user_ids, "user_ids")
        return await visible_presence(self._store, self._presence, caller, wanted)
