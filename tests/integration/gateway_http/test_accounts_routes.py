"""auth, admin and users."""

from __future__ import annotations

from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import UserChanges
from resonance.services.accounts import Login, Registration
from tests.integration.gateway_http.harness import Door
from tests.integration.gateway_http.samples import ANN, CALLER, DEVICE, PEER, PRESENCE, TOKENS, USER

USER_JSON = {
    "id": "ann",
    "username": "ann",
    "nickname": "Ann",
    "avatar_url": "a.png",
    "extra": '{"k":1}',
    "kind": "human",
    "is_guest": False,
    "is_admin": False,
    "created_at": 1,
    "updated_at": 2,
}
TOKENS_JSON = {
    "access_token": "access",
    "refresh_token": "refresh",
    "expires_in": 86_400,
    "device_id": "device-1",
    "user": USER_JSON,
}
REGISTERED_JSON = TOKENS_JSON | {"id": "ann", "username": "ann", "nickname": "Ann"}


async def test_register_takes_a_name_and_a_password(door: Door) -> None:
    door.accounts.register.return_value = TOKENS
    body = {"username": "ann", "password": "secret"}
    assert await door.call("POST", "/api/v1/auth/register", json=body) == REGISTERED_JSON
    door.accounts.register.assert_awaited_once_with(Registration("ann", "secret", address="192.0.2.1"))


async def test_register_hands_every_field_on_by_either_name(door: Door) -> None:
    door.accounts.register.return_value = TOKENS
    rest = {"password": "p", "nickname": "A", "invitation": "i", "platform": 5, "device_name": "d"}
    for named in ({"username": "ann", "avatar_url": "a"}, {"user_id": "ann", "avatar": "a"}):
        await door.call("POST", "/api/v1/auth/register", json=named | rest)
        expected = Registration("ann", "p", "A", "a", "i", 5, "d", "192.0.2.1")
        door.accounts.register.assert_awaited_with(expected)


async def test_register_needs_no_token_and_passes_refusals_on(door: Door) -> None:
    door.accounts.register.side_effect = ServiceError(Code.USER_EXISTS, "ann is taken", field="username")
    del door.client.headers["Authorization"]
    body = {"username": "ann", "password": "secret"}
    problem = await door.refused(Code.USER_EXISTS, "POST", "/api/v1/auth/register", json=body)
    assert (problem["detail"], problem["field"]) == ("ann is taken", "username")


async def test_login(door: Door) -> None:
    door.accounts.login.return_value = TOKENS
    del door.client.headers["Authorization"]
    body = {"user_id": "ann", "password": "secret", "platform": 1, "device_name": "phone"}
    assert await door.call("POST", "/api/v1/auth/login", json=body) == TOKENS_JSON
    door.accounts.login.assert_awaited_once_with(Login("ann", "secret", 1, "phone", "192.0.2.1"))


async def test_wrong_credentials_are_401_with_a_challenge(door: Door) -> None:
    door.accounts.login.side_effect = ServiceError(Code.WRONG_CREDENTIALS)
    body = {"username": "ann", "password": "nope"}
    await door.refused(Code.WRONG_CREDENTIALS, "POST", "/api/v1/auth/login", json=body)


async def test_refresh(door: Door) -> None:
    door.accounts.refresh.return_value = TOKENS
    assert await door.call("POST", "/api/v1/auth/refresh", json={"refresh_token": "r"}) == TOKENS_JSON
    door.accounts.refresh.assert_awaited_once_with("r")


async def test_logout_by_either_method(door: Door) -> None:
    for method in ("POST", "DELETE"):
        assert await door.call(method, "/api/v1/auth/logout") == {}
        door.accounts.logout.assert_awaited_with(CALLER)
    assert door.accounts.logout.await_count == 2


async def test_logout_with_a_dead_token_is_fine_but_without_one_it_is_not(door: Door) -> None:
    for token in ("expired", "revoked", "of another server"):
        assert await door.call("POST", "/api/v1/auth/logout", headers={"Authorization": f"Bearer {token}"}) == {}
    door.accounts.logout.assert_not_awaited()
    del door.client.headers["Authorization"]
    await door.refused(Code.UNAUTHENTICATED, "POST", "/api/v1/auth/logout")


async def test_logout_does_not_hide_that_logic_is_away(door: Door) -> None:
    door.accounts.authenticate.side_effect = ServiceError(Code.UNAVAILABLE)
    await door.refused(Code.UNAVAILABLE, "POST", "/api/v1/auth/logout")


async def test_password(door: Door) -> None:
    body = {"old_password": "a", "new_password": "b"}
    assert await door.call("POST", "/api/v1/auth/password", json=body) == {}
    door.accounts.change_password.assert_awaited_once_with(CALLER, "a", "b")


async def test_devices(door: Door) -> None:
    door.accounts.devices.return_value = [DEVICE]
    assert (await door.call("GET", "/api/v1/auth/devices"))["devices"] == [
        {
            "id": "device-1",
            "platform": 5,
            "name": "Firefox",
            "current": True,
            "created_at": 1,
            "used_at": 2,
            "expires_at": 3,
        }
    ]


async def test_revoke_device(door: Door) -> None:
    assert await door.call("DELETE", "/api/v1/auth/devices/device-2") == {}
    door.accounts.revoke_device.assert_awaited_once_with(CALLER, "device-2")


async def test_admin_makes_invitations(door: Door) -> None:
    door.accounts.create_invitation.return_value = "code-1"
    body = {"uses": 3, "ttl_s": 60}
    assert await door.call("POST", "/api/v1/admin/invitations", json=body) == {"code": "code-1"}
    door.accounts.create_invitation.assert_awaited_once_with(CALLER, 3, 60)


async def test_admin_disables_accounts(door: Door) -> None:
    assert await door.call("PUT", "/api/v1/admin/users/bob/disabled", json={"disabled": True}) == {}
    door.accounts.set_disabled.assert_awaited_once_with(CALLER, "bob", True)
    door.accounts.set_disabled.side_effect = ServiceError(Code.PERMISSION_DENIED)
    await door.refused(Code.PERMISSION_DENIED, "PUT", "/api/v1/admin/users/bob/disabled", json={"disabled": False})


async def test_own_profile_by_both_names(door: Door) -> None:
    door.accounts.user.return_value = USER
    for name in ("me", "info"):
        assert await door.call("GET", f"/api/v1/users/{name}") == USER_JSON
        door.accounts.user.assert_awaited_with(CALLER, ANN)


async def test_update_profile(door: Door) -> None:
    door.accounts.update_profile.return_value = USER
    for method in ("PUT", "PATCH"):
        assert await door.call(method, "/api/v1/users/me", json={"nickname": "Ann", "avatar": "x"}) == USER_JSON
        door.accounts.update_profile.assert_awaited_with(CALLER, UserChanges("Ann", "x", None))


async def test_a_profile_does_not_tell_when_somebody_was_online(door: Door) -> None:
    door.accounts.user.return_value = USER
    assert "last_seen_at" not in await door.call("GET", "/api/v1/users/ann")


async def test_somebodys_profile(door: Door) -> None:
    door.accounts.user.return_value = PEER
    assert (await door.call("GET", "/api/v1/users/%E6%9D%8E@x.y"))["id"] == "bob"
    door.accounts.user.assert_awaited_once_with(CALLER, "李@x.y")
    door.accounts.user.side_effect = ServiceError(Code.USER_NOT_FOUND)
    await door.refused(Code.USER_NOT_FOUND, "GET", "/api/v1/users/nobody")


async def test_search(door: Door) -> None:
    door.accounts.search.return_value = [USER]
    assert await door.call("GET", "/api/v1/users/search", params={"q": "an", "limit": 5}) == {"users": [USER_JSON]}
    door.accounts.search.assert_awaited_once_with(CALLER, "an", 5)


async def test_batch(door: Door) -> None:
    door.accounts.users.return_value = [USER]
    body = {"user_ids": ["ann", "nobody"]}
    assert await door.call("POST", "/api/v1/users/batch", json=body) == {"users": [USER_JSON]}
    door.accounts.users.assert_awaited_once_with(CALLER, ["ann", "nobody"])
    too_many = {"user_ids": ["x"] * 101}
    problem = await door.refused(Code.INVALID_ARGUMENT, "POST", "/api/v1/users/batch", json=too_many)
    assert problem["field"] == "user_ids"


async def test_presence_by_commas_or_repetition(door: Door) -> None:
    door.accounts.presence.return_value = [PRESENCE]
    expected = [{"user_id": "bob", "online": True, "platforms": [1, 5], "last_seen_at": 99}]
    for query in ("ids=bob,eve", "ids=bob&ids=eve"):
        assert (await door.call("GET", f"/api/v1/users/presence?{query}"))["presence"] == expected
        door.accounts.presence.assert_awaited_with(CALLER, ["bob", "eve"])
    many = ",".join(["x"] * 501)
    problem = await door.refused(Code.INVALID_ARGUMENT, "GET", f"/api/v1/users/presence?ids={many}")
    assert problem["field"] == "ids"
