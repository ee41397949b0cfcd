"""Accounts over real doors: tokens that rotate, logins that end, and what their connections are told."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.clients import HttpError, Socket, User, call, refused_upgrade
from tests.e2e.servers import Deployment
from tests.e2e.tokens import forge

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct horse"
PHONE, WEB = 1, 5

ENVIRONMENT = {
    "RESONANCE_AUTH__REFRESH_GRACE": "0",
    "RESONANCE_ACCOUNTS__NEWEST_WINS": str(PHONE),
    "RESONANCE_ACCOUNTS__REGISTRATION": "invitation",
    "RESONANCE_ACCOUNTS__ATTEMPTS_PER_ACCOUNT": "3",
}


@pytest_asyncio.fixture(scope="module", params=["serve", "split"], loop_scope="module")
async def deployment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Deployment]:
    """A server where people register by invitation; its operator made the first account, an admin."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    running = Deployment(request.param, folder, **ENVIRONMENT)
    try:
        code, output = await running.command("user", "add", "root", "--password-stdin", stdin=f"{PASSWORD}\n")
        assert code == 0, output
        await running.start()
        yield running
    finally:
        await running.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(deployment: Deployment) -> User:
    """The operator's account."""
    tokens = await call(deployment.url, "POST", "/api/v1/auth/login", {"username": "root", "password": PASSWORD})
    return User(deployment.url, "root", tokens)


@pytest_asyncio.fixture(loop_scope="module")
async def ann(admin: User) -> User:
    """Somebody new, invited."""
    invitation = (await admin.post("/admin/invitations", uses=1))["code"]
    return await User.register(admin.url, f"ann{secrets.token_hex(3)}", invitation=invitation)


async def refusal(user: User, path: str = "/users/me") -> tuple[int, str]:
    """Return the status and the code that a user's token is refused with."""
    with pytest.raises(HttpError) as refused:
        await user.get(path)
    return refused.value.status, refused.value.problem["code"]


async def refresh(user: User, refresh_token: str) -> User:
    """Exchange a refresh token."""
    tokens = await call(user.url, "POST", "/api/v1/auth/refresh", {"refresh_token": refresh_token})
    return User(user.url, user.name, tokens)


async def test_registration_needs_an_invitation_that_is_good_once(admin: User) -> None:
    name = f"bob{secrets.token_hex(3)}"
    for invitation in ("", "made-up"):
        with pytest.raises(HttpError) as refused:
            await User.register(admin.url, name, invitation=invitation)
        assert (refused.value.status, refused.value.problem["code"]) == (403, "invitation_invalid")
    invitation = (await admin.post("/admin/invitations", uses=1))["code"]
    bob = await User.register(admin.url, name, invitation=invitation)
    with pytest.raises(HttpError) as refused:
        await User.register(admin.url, f"{name}2", invitation=invitation)
    assert refused.value.problem["code"] == "invitation_invalid"
    with pytest.raises(HttpError) as refused:
        await bob.post("/admin/invitations", uses=1)
    assert (refused.value.status, refused.value.problem["code"]) == (403, "permission_denied")


async def test_a_refresh_token_is_good_once_and_its_reuse_ends_the_login(ann: User) -> None:
    socket = await Socket.open(ann)
    renewed = await refresh(ann, ann.refresh_token)
    assert renewed.refresh_token != ann.refresh_token
    assert renewed.device_id == ann.device_id
    assert (await renewed.get("/users/me"))["id"] == ann.name
    assert not socket.closed.is_set()

    with pytest.raises(HttpError) as refused:
        await refresh(ann, ann.refresh_token)
    assert (refused.value.status, refused.value.problem["code"]) == (401, "refresh_reused")
    assert await socket.wait_closed() == 4502
    assert await refusal(renewed) == (401, "token_revoked")
    with pytest.raises(HttpError) as refused:
        await refresh(renewed, renewed.refresh_token)
    assert refused.value.problem["code"] == "token_revoked"


async def test_the_newest_login_of_a_platform_wins(ann: User) -> None:
    first, at_web = await ann.login(platform=PHONE), await ann.login(platform=WEB)
    on_first, on_web = await Socket.open(first), await Socket.open(at_web)
    second = await ann.login(platform=PHONE)
    assert await on_first.wait_closed() == 4503
    assert await refusal(first) == (401, "token_revoked")
    assert (await refused_upgrade(first.url, first.token))[1]["code"] == "token_revoked"
    on_second = await Socket.open(second)
    await ann.login(platform=WEB)  # keeps all
    await on_web.send({"seq": "alive", "pulse": {}})
    await on_web.wait(lambda packet: "pulse" in packet, count=2)
    for socket in (on_second, on_web):
        await socket.close()


async def test_a_new_password_ends_the_other_logins(ann: User) -> None:
    other = await ann.login()
    here, there = await Socket.open(ann), await Socket.open(other)
    with pytest.raises(HttpError) as refused:
        await ann.post("/auth/password", old_password="wrong", new_password="battery staple")
    assert refused.value.problem["code"] == "wrong_credentials"
    await ann.post("/auth/password", old_password=PASSWORD, new_password="battery staple")
    assert await there.wait_closed() == 4502
    assert await refusal(other) == (401, "token_revoked")
    assert (await ann.get("/users/me"))["id"] == ann.name
    assert not here.closed.is_set()
    with pytest.raises(HttpError) as refused:
        await ann.login()
    assert refused.value.problem["code"] == "wrong_credentials"
    await ann.login("battery staple")
    await here.close()


async def test_a_disabled_account_is_out_everywhere(admin: User, ann: User) -> None:
    socket = await Socket.open(ann)
    with pytest.raises(HttpError) as refused:
        await ann.request("PUT", f"/admin/users/{admin.name}/disabled", disabled=True)
    assert refused.value.problem["code"] == "permission_denied"
    await admin.request("PUT", f"/admin/users/{ann.name}/disabled", disabled=True)
    assert await socket.wait_closed() == 4504
    assert await refusal(ann) == (403, "user_disabled")
    status, problem = await refused_upgrade(ann.url, ann.token)
    assert (status, problem["code"]) == (403, "user_disabled")
    with pytest.raises(HttpError) as refused:
        await ann.login()
    assert (refused.value.status, refused.value.problem["code"]) == (403, "user_disabled")
    await admin.request("PUT", f"/admin/users/{ann.name}/disabled", disabled=False)
    assert (await (await ann.login()).get("/users/me"))["id"] == ann.name


async def test_logins_are_listed_and_revoked(ann: User) -> None:
    tablet = await ann.login(platform=2, device_name="tablet")
    on_tablet, here = await Socket.open(tablet), await Socket.open(ann)
    listed = {device["id"]: device for device in (await ann.get("/auth/devices"))["devices"]}
    assert set(listed) == {ann.device_id, tablet.device_id}
    assert listed[ann.device_id]["current"]
    assert (listed[tablet.device_id]["name"], listed[tablet.device_id]["current"]) == ("tablet", False)

    await ann.request("DELETE", f"/auth/devices/{tablet.device_id}")
    assert await on_tablet.wait_closed() == 4502
    assert await refusal(tablet) == (401, "token_revoked")
    assert [device["id"] for device in (await ann.get("/auth/devices"))["devices"]] == [ann.device_id]
    assert not here.closed.is_set()
    with pytest.raises(HttpError) as refused:
        await ann.request("DELETE", f"/auth/devices/{tablet.device_id}")
    assert (refused.value.status, refused.value.problem["code"]) == (404, "device_not_found")
    await here.close()


async def test_a_connection_ends_with_its_token(deployment: Deployment, ann: User) -> None:
    soon = int(time.time()) + 2
    ann.token = forge(ann.token, deployment.secret, exp=soon)
    socket = await Socket.open(ann)
    assert await socket.wait_closed() == 4501
    assert time.time() >= soon


async def test_logins_are_throttled_and_say_for_how_long(ann: User) -> None:
    for _ in range(3):
        with pytest.raises(HttpError) as refused:
            await ann.login("a guess")
        assert (refused.value.status, refused.value.problem["code"]) == (401, "wrong_credentials")
    with pytest.raises(HttpError) as refused:
        await ann.login()  # the right one comes too late as well
    problem = refused.value.problem
    assert (refused.value.status, problem["code"], problem["retry"]) == (429, "rate_limited", True)
    assert 0 < int(refused.value.headers["retry-after"]) <= 300
    assert (await ann.get("/users/me"))["id"] == ann.name  # who is logged in stays so
