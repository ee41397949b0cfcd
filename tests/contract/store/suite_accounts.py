"""What every store promises about accounts."""

from __future__ import annotations

import pytest

from resonance.domain.errors import Code
from resonance.domain.events import UserUpdated
from resonance.domain.ids import UserId
from resonance.domain.model import DeviceState, NewUser, UserChanges, UserKind, UserStatus
from resonance.ports.store import Store
from tests.contract.store.making import events, head, people, person, refused
from tests.contract.store.suite_devices import login

AWKWARD = [
    "o'brien",
    'say "hi"',
    "x'); DROP TABLE users; --",
    "李雷 🐼",
    "back\\slash",
    ":name",
    "100%",
    "a_b",
    "?",
    "",
]
"""Texts that break a statement into which they are pasted."""


def new(user_id: str, **fields: object) -> NewUser:
    """Return a wish for an account that is like any other but for some fields."""
    defaults: dict[str, object] = {"nickname": user_id, "password_hash": "hash"}
    return NewUser(UserId(user_id), **{**defaults, **fields})  # type: ignore[arg-type]


class AccountsSuite:
    async def test_an_account_is_kept_as_it_was_made(self, store: Store) -> None:
        made = await store.create_user(
            new("李雷", nickname="Léi", avatar="http://a", extra='{"a":1}', kind=UserKind.BOT)
        )
        assert (made.nickname, made.avatar, made.extra, made.kind) == ("Léi", "http://a", '{"a":1}', UserKind.BOT)
        assert made.status is UserStatus.ACTIVE
        assert made.last_seen_at == 0
        assert made.created_at == made.updated_at > 0
        assert await store.users(["李雷"]) == [made]

    async def test_a_handle_is_taken_once(self, store: Store) -> None:
        await person(store, "anna", "first")
        with refused(Code.USER_EXISTS, "anna"):
            await person(store, "anna", "second")
        [kept] = await store.users(["anna"])
        assert kept.nickname == "first"

    async def test_handles_are_case_sensitive(self, store: Store) -> None:
        await people(store, "anna", "Anna", "ANNA")
        assert {user.id for user in await store.users(["anna", "Anna", "ANNA", "aNNA"])} == {"anna", "Anna", "ANNA"}

    async def test_the_first_human_becomes_admin_when_asked_for(self, store: Store) -> None:
        bot = await store.create_user(new("bot", kind=UserKind.BOT, first_is_admin=True))
        first = await store.create_user(new("anna", first_is_admin=True))
        second = await store.create_user(new("bert", first_is_admin=True))
        assert [bot.is_admin, first.is_admin, second.is_admin] == [False, True, False]

    async def test_nobody_becomes_admin_by_being_first_alone(self, store: Store) -> None:
        assert not (await store.create_user(new("anna"))).is_admin

    async def test_an_invitation_is_good_as_often_as_it_says(self, store: Store) -> None:
        far = (await store.info()).now + 60_000
        code = await store.create_invitation("admin", 2, far)
        await store.create_user(new("anna", invitation=code))
        await store.create_user(new("bert", invitation=code))
        with refused(Code.INVITATION_INVALID):
            await store.create_user(new("cleo", invitation=code))
        assert await store.users(["cleo"]) == []

    async def test_a_refused_account_consumes_no_invitation(self, store: Store) -> None:
        await person(store, "anna")
        code = await store.create_invitation("admin", 1, (await store.info()).now + 60_000)
        with refused(Code.USER_EXISTS):
            await store.create_user(new("anna", invitation=code))
        assert (await store.create_user(new("bert", invitation=code))).id == "bert"

    async def test_an_unknown_or_expired_invitation_is_refused(self, store: Store) -> None:
        expired = await store.create_invitation("admin", 5, (await store.info()).now - 1)
        for code in (expired, "unknown", "' OR 1=1 --"):
            with refused(Code.INVITATION_INVALID):
                await store.create_user(new("anna", invitation=code))

    async def test_invitations_are_different(self, store: Store) -> None:
        codes = {await store.create_invitation("admin", 1, 1) for _ in range(20)}
        assert len(codes) == 20
        assert min(map(len, codes)) >= 16

    async def test_lookups_find_only_what_exists_and_each_once(self, store: Store) -> None:
        await people(store, "anna", "bert")
        found = await store.users(["anna", "nobody", "bert", "anna"])
        assert sorted(user.id for user in found) == ["anna", "bert"]
        assert await store.users([]) == []

    async def test_a_lookup_of_more_than_any_engine_takes_in_one_list(self, store: Store) -> None:
        await people(store, "anna", "zoe")
        found = await store.users(["anna", *(f"nobody{number}" for number in range(1_200)), "zoe"])
        assert {user.id for user in found} == {"anna", "zoe"}

    async def test_credentials_are_what_login_needs(self, store: Store) -> None:
        await store.create_user(new("anna", password_hash="$argon2id$x", first_is_admin=True))
        found = await store.credentials("anna")
        assert found is not None
        assert (found.user_id, found.password_hash, found.status, found.is_admin) == (
            "anna",
            "$argon2id$x",
            UserStatus.ACTIVE,
            True,
        )
        assert await store.credentials("nobody") is None
        assert await store.credentials("anna' --") is None

    async def test_search_ranks_the_exact_handle_then_beginnings_then_the_rest(self, store: Store) -> None:
        await person(store, "zz", "likes ann")
        await people(store, "joann", "annie", "ann", "Ann", "anna")
        assert [user.id for user in await store.search_users("ann", 10)] == [
            "ann",
            "Ann",
            "anna",
            "annie",
            "joann",
            "zz",
        ]

    async def test_search_finds_ascii_in_either_case_and_other_scripts_as_they_are(self, store: Store) -> None:
        await person(store, "x1", "Jürgen MÜLLER")
        await person(store, "x2", "李雷")
        assert [user.id for user in await store.search_users("jürgen", 10)] == ["x1"]
        assert [user.id for user in await store.search_users("JüRG", 10)] == ["x1"]
        assert [user.id for user in await store.search_users("李", 10)] == ["x2"]

    @pytest.mark.parametrize("wild", ["%", "_", "!", "\\", "'", '"', "!%", "[", "*"])
    async def test_wildcards_and_quotes_in_a_search_stand_for_themselves(self, store: Store, wild: str) -> None:
        await person(store, "plain", "abc")
        await person(store, "other", f"a{wild}c")
        assert [user.id for user in await store.search_users(wild, 10)] == ["other"]
        assert [user.id for user in await store.search_users(f"A{wild}C", 10)] == ["other"]

    async def test_search_leaves_out_disabled_accounts(self, store: Store) -> None:
        await people(store, "ann1", "ann2")
        await store.set_user_status("ann1", UserStatus.DISABLED)
        assert [user.id for user in await store.search_users("ann", 10)] == ["ann2"]

    async def test_search_and_list_keep_their_limit(self, store: Store) -> None:
        await people(store, *(f"ann{number}" for number in range(5)))
        assert [user.id for user in await store.search_users("ann", 2)] == ["ann0", "ann1"]
        assert [user.id for user in await store.list_users("", 3)] == ["ann0", "ann1", "ann2"]
        assert [user.id for user in await store.list_users("ann2", 3)] == ["ann3", "ann4"]
        assert await store.list_users("ann4", 3) == []
        assert await store.count_users() == 5

    @pytest.mark.parametrize("text", AWKWARD)
    async def test_any_text_is_kept_letter_by_letter(self, store: Store, text: str) -> None:
        await person(store, "anna")
        changed = await store.update_user("anna", UserChanges(nickname=text, avatar=text, extra=text))
        assert (changed.nickname, changed.avatar, changed.extra) == (text, text, text)
        assert await store.users(["anna"]) == [changed]

    async def test_an_update_leaves_what_it_does_not_name(self, store: Store) -> None:
        await store.create_user(new("anna", nickname="Anna", avatar="a", extra="{}"))
        changed = await store.update_user("anna", UserChanges(avatar=""))
        assert (changed.nickname, changed.avatar, changed.extra) == ("Anna", "", "{}")

    async def test_an_update_is_told(self, store: Store) -> None:
        before = await person(store, "anna")
        since = await head(store)
        after = await store.update_user("anna", UserChanges(nickname="Ann"))
        assert await events(store, since, UserUpdated) == [UserUpdated("anna")]
        assert after.updated_at >= before.updated_at

    async def test_an_update_of_nothing_is_not_told(self, store: Store) -> None:
        before = await person(store, "anna")
        since = await head(store)
        assert await store.update_user("anna", UserChanges()) == before
        assert await events(store, since, UserUpdated) == []

    async def test_what_is_not_there_cannot_change(self, store: Store) -> None:
        with refused(Code.USER_NOT_FOUND, "nobody"):
            await store.update_user("nobody", UserChanges(nickname="x"))
        with refused(Code.USER_NOT_FOUND, "nobody"):
            await store.set_password("nobody", "x", "")
        with refused(Code.USER_NOT_FOUND, "nobody"):
            await store.set_user_status("nobody", UserStatus.DISABLED)

    async def test_a_new_password_revokes_the_other_devices(self, store: Store) -> None:
        await people(store, "anna", "bert")
        for device in ("d1", "d2", "d3"):
            await login(store, "anna", device)
        await login(store, "bert", "d4")
        revoked = await store.set_password("anna", "new", "d2")
        assert {device.id for device in revoked} == {"d1", "d3"}
        assert {device.state for device in revoked} == {DeviceState.REVOKED}
        assert await store.device_states(["d1", "d2", "d3", "d4"]) == {
            "d1": "revoked",
            "d2": "active",
            "d3": "revoked",
            "d4": "active",
        }
        found = await store.credentials("anna")
        assert found is not None
        assert found.password_hash == "new"

    async def test_a_new_password_may_keep_no_device(self, store: Store) -> None:
        await person(store, "anna")
        await login(store, "anna", "d1")
        assert [device.id for device in await store.set_password("anna", "new", "")] == ["d1"]
        assert await store.devices("anna") == []

    async def test_disabling_closes_the_devices_and_enabling_opens_none(self, store: Store) -> None:
        await person(store, "anna")
        await login(store, "anna", "d1")
        closed = await store.set_user_status("anna", UserStatus.DISABLED)
        assert [(device.id, device.state) for device in closed] == [("d1", DeviceState.DISABLED)]
        assert await store.set_user_status("anna", UserStatus.DISABLED) == []
        assert await store.set_user_status("anna", UserStatus.ACTIVE) == []
        assert await store.device_states(["d1"]) == {"d1": "disabled"}
        [user] = await store.users(["anna"])
        assert user.status is UserStatus.ACTIVE
