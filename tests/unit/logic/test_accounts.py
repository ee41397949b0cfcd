"""Accounts on a real store: registering, logging in, tokens and devices."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from resonance.domain.closes import Close
from resonance.domain.errors import Code
from resonance.logic.passwords import Passwords
from resonance.logic.tokens import TokenKind
from resonance.services.accounts import Login, Registration, Tokens
from tests.unit.logic.conftest import World, Worlds
from tests.unit.logic.refusals import refused

RIGHT = Login("ann", "secret1")
WRONG = Login("ann", "secret2")

# ---------------------------------------------------------------- registering


async def test_registering_logs_in(world: World) -> None:
    tokens = await world.accounts.register(Registration("ann", "secret1", nickname="Ann", avatar="/a.png", platform=5))
    principal = await world.accounts.authenticate(tokens.access_token)
    assert principal.caller == ("ann", 5, tokens.device_id)
    assert principal.expires_at == (world.clock.now // 1000 + 86_400) * 1000
    assert (tokens.user.id, tokens.user.nickname, tokens.user.avatar) == ("ann", "Ann", "/a.png")
    assert tokens.expires_in == 86_400


async def test_the_first_account_is_admin_and_the_second_is_not(world: World) -> None:
    first, second = await world.register("ann"), await world.register("bob")
    assert (await world.accounts.authenticate(first.access_token)).is_admin
    assert not (await world.accounts.authenticate(second.access_token)).is_admin


async def test_a_taken_handle_is_refused(world: World) -> None:
    await world.register("ann")
    await refused(world.register("ann"), Code.USER_EXISTS)
    await world.register("Ann")


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (Registration("a:b", "secret1"), "user_id"),
        (Registration("a\nb", "secret1"), "user_id"),
        (Registration("system", "secret1"), "user_id"),
        (Registration("", "secret1"), "user_id"),
        (Registration("ann", "secret1", nickname="x" * 65), "nickname"),
        (Registration("ann", "secret1", nickname="a\x00"), "nickname"),
        (Registration("ann", "secret1", avatar="javascript:alert(1)"), "avatar"),
        (Registration("ann", "12345"), "password"),
        (Registration("ann", "\ud800" * 8), "password"),
        (Registration("ann", "secret1", platform=6), "platform"),
        (Registration("ann", "secret1", platform=-1), "platform"),
        (Registration("ann", "secret1", device_name="x" * 129), "device_name"),
    ],
)
async def test_bad_fields_are_refused_by_name(world: World, bad: Registration, field: str) -> None:
    await refused(world.accounts.register(bad), Code.INVALID_ARGUMENT, field)
    assert await world.store.list_users("", 10) == []


async def test_a_closed_server_registers_nobody(worlds: Worlds) -> None:
    closed = worlds.make(accounts={"registration": "closed"})
    await refused(closed.register("ann"), Code.REGISTRATION_CLOSED)


async def test_an_invitation_is_good_for_its_uses_even_at_once(worlds: Worlds) -> None:
    admin = await worlds.make().register("admin1")
    world = worlds.make(accounts={"registration": "invitation"})
    code = await world.accounts.create_invitation(await world.caller(admin), uses=2, ttl_s=60)
    outcomes = await asyncio.gather(
        *(world.accounts.register(Registration(f"user{n}", "secret1", invitation=code)) for n in range(6)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, Tokens) for outcome in outcomes) == 2
    assert len(await world.store.list_users("", 10)) == 3
    for bad in ("", "unknown", code):
        await refused(world.accounts.register(Registration("late", "secret1", invitation=bad)), Code.INVITATION_INVALID)


async def test_only_admins_invite(world: World) -> None:
    await world.register("admin1")
    ann = await world.caller(await world.register("ann"))
    await refused(world.accounts.create_invitation(ann, 1, 60), Code.PERMISSION_DENIED)


@pytest.mark.parametrize(("uses", "ttl_s", "field"), [(0, 60, "uses"), (1, 0, "ttl_s"), (10**6, 60, "uses")])
async def test_an_invitation_has_bounds(world: World, uses: int, ttl_s: int, field: str) -> None:
    admin = await world.caller(await world.register("admin1"))
    await refused(world.accounts.create_invitation(admin, uses, ttl_s), Code.INVALID_ARGUMENT, field)


async def test_registrations_are_throttled_by_address(worlds: Worlds) -> None:
    world = worlds.make(accounts={"registrations_per_address": 2})
    for name in ("ann", "bob"):
        await world.accounts.register(Registration(name, "secret1", address="192.0.2.1"))
    error = await refused(
        world.accounts.register(Registration("cleo", "secret1", address="192.0.2.1")), Code.RATE_LIMITED
    )
    assert error.retry_after_ms == 300_000
    await world.accounts.register(Registration("cleo", "secret1", address="192.0.2.2"))


# ---------------------------------------------------------------- logging in


async def test_a_login_opens_another_device(world: World) -> None:
    first, second = await world.register("ann"), await world.accounts.login(replace(RIGHT, device_name="phone"))
    caller = await world.caller(second)
    assert {device.id for device in await world.accounts.devices(caller)} == {first.device_id, second.device_id}
    assert await world.caller(first)
    assert world.kicks.seen == []


async def test_an_unknown_user_is_answered_as_a_wrong_password(world: World) -> None:
    await world.register("ann")
    wrong = await refused(world.accounts.login(WRONG), Code.WRONG_CREDENTIALS)
    unknown = await refused(world.accounts.login(Login("nobody", "secret1")), Code.WRONG_CREDENTIALS)
    assert wrong.message == unknown.message


async def test_nobody_logs_in_to_an_account_without_a_password(world: World) -> None:
    await world.people("bot")
    await refused(world.accounts.login(Login("bot", "")), Code.WRONG_CREDENTIALS)


async def test_failed_logins_are_throttled_until_the_window_ends(worlds: Worlds) -> None:
    world = worlds.make(accounts={"attempts_per_account": 3})
    await world.register("ann")
    for _ in range(3):
        await refused(world.accounts.login(WRONG), Code.WRONG_CREDENTIALS)
    world.clock.advance(60)
    error = await refused(world.accounts.login(RIGHT), Code.RATE_LIMITED)
    assert error.retry_after_ms == 240_000
    world.clock.advance(240)
    await world.accounts.login(RIGHT)


async def test_a_correction_of_the_time_locks_nobody_out_for_longer(worlds: Worlds) -> None:
    world = worlds.make(accounts={"attempts_per_account": 1})
    await world.register("ann")
    await refused(world.accounts.login(WRONG), Code.WRONG_CREDENTIALS)
    world.clock.set_back(3_600)
    await refused(world.accounts.login(RIGHT), Code.RATE_LIMITED)
    world.clock.advance(300)
    await world.accounts.login(RIGHT)


async def test_many_guesses_at_once_are_throttled_too(worlds: Worlds) -> None:
    world = worlds.make(accounts={"attempts_per_account": 3})
    await world.register("ann")
    outcomes = await asyncio.gather(*(world.accounts.login(WRONG) for _ in range(20)), return_exceptions=True)
    codes = [getattr(outcome, "code", None) for outcome in outcomes]
    assert (codes.count(Code.WRONG_CREDENTIALS), codes.count(Code.RATE_LIMITED)) == (3, 17)


async def test_a_login_forgets_the_failures_before_it(worlds: Worlds) -> None:
    world = worlds.make(accounts={"attempts_per_account": 2})
    await world.register("ann")
    for _ in range(3):
        await refused(world.accounts.login(WRONG), Code.WRONG_CREDENTIALS)
        await world.accounts.login(RIGHT)


async def test_a_login_on_platforms_where_the_newest_wins_ends_the_others(worlds: Worlds) -> None:
    world = worlds.make(accounts={"newest_wins": (1,)})
    phone, web = await world.register("ann", platform=1), await world.accounts.login(replace(RIGHT, platform=5))
    await world.caller(phone)
    newer = await world.accounts.login(replace(RIGHT, platform=1))
    assert world.kicks.seen == [(phone.device_id, Close.KICKED)]
    await refused(world.accounts.authenticate(phone.access_token), Code.TOKEN_REVOKED)
    await refused(world.accounts.refresh(phone.refresh_token), Code.TOKEN_REVOKED)
    await world.caller(web)
    await world.caller(newer)
    await world.accounts.login(replace(RIGHT, platform=5))
    await world.caller(web)


async def test_too_many_devices_end_the_one_used_longest_ago(worlds: Worlds) -> None:
    world = worlds.make(accounts={"max_devices": 2})
    first = await world.register("ann")
    await world.accounts.login(RIGHT)
    await world.accounts.login(RIGHT)
    assert world.kicks.seen == [(first.device_id, Close.KICKED)]


async def test_a_hash_of_an_older_cost_is_replaced_and_no_device_ends(worlds: Worlds) -> None:
    first = await worlds.make().register("ann")
    world = worlds.make(accounts={"hash_time": 2})
    await world.accounts.login(RIGHT)
    credentials = await world.store.credentials("ann")
    assert credentials is not None
    assert "t=2" in credentials.password_hash
    await world.accounts.login(RIGHT)
    await world.caller(first)


async def test_a_password_changed_during_a_login_ends_that_login(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = await world.caller(await world.register("ann"))
    verify = Passwords.verify

    async def change_behind(self: Passwords, password: str, stored: str, field: str = "password") -> object:
        verdict = await verify(self, password, stored, field)
        monkeypatch.undo()
        await world.accounts.change_password(owner, "secret1", "another1")
        return verdict

    monkeypatch.setattr(Passwords, "verify", change_behind)
    await refused(world.accounts.login(RIGHT), Code.WRONG_CREDENTIALS)
    assert [device.id for device in await world.accounts.devices(owner)] == [owner.device_id]


# ---------------------------------------------------------------- refresh


async def test_a_refresh_token_is_exchanged_for_a_pair(world: World) -> None:
    first = await world.register("ann", platform=3)
    second = await world.accounts.refresh(first.refresh_token)
    assert second.refresh_token != first.refresh_token
    assert (await world.caller(second)) == ("ann", 3, first.device_id)
    third = await world.accounts.refresh(second.refresh_token)
    assert await world.caller(third)


async def test_two_tabs_that_refresh_at_once_both_get_tokens_that_work(world: World) -> None:
    first = await world.register("ann")
    one, two = await asyncio.gather(*(world.accounts.refresh(first.refresh_token) for _ in range(2)))
    await world.caller(one)
    await world.caller(two)
    assert await world.accounts.refresh(two.refresh_token)
    assert await world.accounts.refresh(one.refresh_token)
    assert world.kicks.seen == []


async def test_a_refresh_token_used_again_later_ends_the_device(world: World) -> None:
    stolen = await world.register("ann")
    second = await world.accounts.refresh(stolen.refresh_token)
    third = await world.accounts.refresh(second.refresh_token)
    await world.caller(third)
    await refused(world.accounts.refresh(stolen.refresh_token), Code.REFRESH_REUSED)
    assert world.kicks.seen == [(stolen.device_id, Close.LOGGED_OUT)]
    await refused(world.accounts.authenticate(third.access_token), Code.TOKEN_REVOKED)
    await refused(world.accounts.refresh(third.refresh_token), Code.TOKEN_REVOKED)


async def test_an_access_token_refreshes_nothing_and_a_refresh_token_authenticates_nobody(world: World) -> None:
    tokens = await world.register("ann")
    await refused(world.accounts.refresh(tokens.access_token), Code.TOKEN_INVALID)
    await refused(world.accounts.authenticate(tokens.refresh_token), Code.TOKEN_INVALID)
    await refused(world.accounts.refresh(""), Code.UNAUTHENTICATED)


async def test_tokens_end_at_their_time(world: World) -> None:
    tokens = await world.register("ann")
    world.clock.advance(86_400 + 6)
    await refused(world.accounts.authenticate(tokens.access_token), Code.TOKEN_EXPIRED)
    world.clock.advance(30 * 86_400)
    await refused(world.accounts.refresh(tokens.refresh_token), Code.TOKEN_EXPIRED)


async def test_no_access_token_outlives_its_refresh_token(worlds: Worlds) -> None:
    world = worlds.make(auth={"access_ttl": 600, "refresh_ttl": 60})
    assert (await world.register("ann")).expires_in == 60


# ---------------------------------------------------------------- ending devices


async def test_logging_out_ends_this_device_only(world: World) -> None:
    first, second = await world.register("ann"), await world.accounts.login(RIGHT)
    await world.accounts.logout(await world.caller(first))
    assert world.kicks.seen == [(first.device_id, Close.LOGGED_OUT)]
    await refused(world.accounts.authenticate(first.access_token), Code.TOKEN_REVOKED)
    await refused(world.accounts.refresh(first.refresh_token), Code.TOKEN_REVOKED)
    await world.caller(second)


async def test_a_new_password_ends_the_other_sessions_and_their_connections(world: World) -> None:
    mine, other = await world.register("ann"), await world.accounts.login(RIGHT)
    await world.caller(other)
    await world.accounts.change_password(await world.caller(mine), "secret1", "another1")
    assert world.kicks.seen == [(other.device_id, Close.LOGGED_OUT)]
    await refused(world.accounts.authenticate(other.access_token), Code.TOKEN_REVOKED)
    await world.caller(mine)
    await world.accounts.refresh(mine.refresh_token)
    await refused(world.accounts.login(RIGHT), Code.WRONG_CREDENTIALS)
    await world.accounts.login(replace(RIGHT, password="another1"))


async def test_a_new_password_needs_the_old_one_and_has_to_be_good(world: World) -> None:
    caller = await world.caller(await world.register("ann"))
    await refused(world.accounts.change_password(caller, "wrong", "another1"), Code.WRONG_CREDENTIALS)
    await refused(world.accounts.change_password(caller, "secret1", "short"), Code.INVALID_ARGUMENT, "new")
    await world.accounts.login(RIGHT)


async def test_old_passwords_cannot_be_guessed_without_end(worlds: Worlds) -> None:
    world = worlds.make(accounts={"attempts_per_account": 1})
    caller = await world.caller(await world.register("ann"))
    await refused(world.accounts.change_password(caller, "wrong", "another1"), Code.WRONG_CREDENTIALS)
    await refused(world.accounts.change_password(caller, "secret1", "another1"), Code.RATE_LIMITED)


async def test_a_device_is_revoked_by_its_owner_only(world: World) -> None:
    ann, bob = await world.register("ann"), await world.register("bob")
    lost = await world.accounts.login(RIGHT)
    await refused(world.accounts.revoke_device(await world.caller(bob), lost.device_id), Code.DEVICE_NOT_FOUND)
    await world.accounts.revoke_device(await world.caller(ann), lost.device_id)
    assert world.kicks.seen == [(lost.device_id, Close.LOGGED_OUT)]
    await refused(world.accounts.authenticate(lost.access_token), Code.TOKEN_REVOKED)
    await refused(world.accounts.revoke_device(await world.caller(ann), lost.device_id), Code.DEVICE_NOT_FOUND)


async def test_naming_no_device_revokes_none(world: World) -> None:
    ann = await world.register("ann")
    await refused(world.accounts.revoke_device(await world.caller(ann), ""), Code.DEVICE_NOT_FOUND)
    await world.caller(ann)


async def test_a_disabled_user_is_out_everywhere_and_comes_back_by_logging_in(world: World) -> None:
    admin, ann = await world.register("admin1"), await world.register("ann")
    await world.caller(ann)
    root = await world.caller(admin)
    await world.accounts.set_disabled(root, "ann", True)
    assert world.kicks.seen == [(ann.device_id, Close.USER_DISABLED)]
    await refused(world.accounts.authenticate(ann.access_token), Code.USER_DISABLED)
    await refused(world.accounts.login(RIGHT), Code.USER_DISABLED)
    await refused(world.accounts.login(WRONG), Code.WRONG_CREDENTIALS)
    await refused(world.accounts.verify_password("ann", RIGHT.password), Code.USER_DISABLED)
    assert not await world.accounts.verify_password("ann", WRONG.password)
    await refused(world.accounts.refresh(ann.refresh_token), Code.TOKEN_REVOKED)
    await world.accounts.set_disabled(root, "ann", False)
    await world.caller(await world.accounts.login(RIGHT))
    await refused(world.accounts.authenticate(ann.access_token), Code.USER_DISABLED)


async def test_disabling_is_for_admins_about_others_who_exist(world: World) -> None:
    admin, ann = await world.caller(await world.register("admin1")), await world.caller(await world.register("ann"))
    await refused(world.accounts.set_disabled(ann, "admin1", True), Code.PERMISSION_DENIED)
    await refused(world.accounts.set_disabled(admin, "admin1", True), Code.INVALID_ARGUMENT, "user_id")
    await refused(world.accounts.set_disabled(admin, "nobody", True), Code.USER_NOT_FOUND)


async def test_what_another_logic_ends_is_believed_for_the_stated_time_only(worlds: Worlds) -> None:
    here, there = worlds.make(auth={"cache_ttl": 2}), worlds.make()
    tokens = await here.register("ann")
    caller = await here.caller(tokens)
    await there.accounts.logout(caller)
    here.clock.advance(1.999)
    await here.caller(tokens)
    here.clock.advance(0.001)
    await refused(here.accounts.authenticate(tokens.access_token), Code.TOKEN_REVOKED)


async def test_an_end_during_a_check_is_not_forgotten_by_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = await world.register("ann")
    read, reached = asyncio.Event(), asyncio.Event()
    users = world.store.users

    async def held(user_ids: list[str]) -> object:
        reached.set()
        await read.wait()
        return await users(user_ids)

    monkeypatch.setattr(world.store, "users", held)
    checking = asyncio.ensure_future(world.accounts.authenticate(tokens.access_token))
    await reached.wait()
    monkeypatch.undo()
    await world.accounts.logout(await world.caller(tokens))
    read.set()
    await checking
    await refused(world.accounts.authenticate(tokens.access_token), Code.TOKEN_REVOKED)


async def test_the_memory_of_devices_is_bounded(world: World) -> None:
    world.device_states._capacity = 2
    for name in ("ann", "bob", "cleo"):
        await world.caller(await world.register(name))
    assert len(world.device_states._known) == 2


async def test_a_device_that_the_store_does_not_know_is_revoked(world: World) -> None:
    claims = world.signer.verify((await world.register("ann")).access_token, TokenKind.ACCESS)
    token = world.signer.sign(replace(claims, device_id="gone"))
    await refused(world.accounts.authenticate(token), Code.TOKEN_REVOKED)
