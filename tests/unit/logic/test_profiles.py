"""Profiles, search and presence."""

from __future__ import annotations

import pytest

from resonance.domain.errors import Code
from resonance.domain.model import UserChanges
from tests.unit.logic.conftest import World
from tests.unit.logic.refusals import refused


async def test_a_profile_is_found_or_refused(world: World) -> None:
    [ann] = await world.people("ann")
    assert (await world.accounts.user(ann, "ann")).nickname == "Ann"
    await refused(world.accounts.user(ann, "nobody"), Code.USER_NOT_FOUND, "user_id")
    await refused(world.accounts.user(ann, "a:b"), Code.INVALID_ARGUMENT, "user_id")


async def test_profiles_come_in_the_order_asked_for_each_once(world: World) -> None:
    [ann, *_] = await world.people("ann", "bob", "cleo")
    found = await world.accounts.users(ann, ["cleo", "nobody", "ann", "cleo"])
    assert [user.id for user in found] == ["cleo", "ann"]
    assert await world.accounts.users(ann, []) == []


async def test_at_most_a_hundred_profiles_at_once(world: World) -> None:
    [ann] = await world.people("ann")
    await world.accounts.users(ann, ["ann"] * 100)
    await refused(world.accounts.users(ann, ["ann"] * 101), Code.INVALID_ARGUMENT, "user_ids")
    await refused(world.accounts.users(ann, ["ann", "a\nb"]), Code.INVALID_ARGUMENT, "user_ids")


async def test_search(world: World) -> None:
    [ann, *_] = await world.people("ann", "annette", "bob")
    assert [user.id for user in await world.accounts.search(ann, " ann ", 10)] == ["ann", "annette"]
    assert [user.id for user in await world.accounts.search(ann, "ann", 1)] == ["ann"]
    for query in ("", "  ", "a\x00", "x" * 65):
        await refused(world.accounts.search(ann, query, 10), Code.INVALID_ARGUMENT, "query")
    for limit in (0, 51, -1):
        await refused(world.accounts.search(ann, "ann", limit), Code.INVALID_ARGUMENT, "limit")


async def test_a_profile_changes_in_what_is_given_only(world: World) -> None:
    [ann] = await world.people("ann")
    await world.accounts.update_profile(ann, UserChanges(avatar="/a.png", extra='{"a":1}'))
    changed = await world.accounts.update_profile(ann, UserChanges(nickname="  Anna "))
    assert (changed.nickname, changed.avatar, changed.extra) == ("Anna", "/a.png", '{"a":1}')
    cleared = await world.accounts.update_profile(ann, UserChanges(avatar="", extra=""))
    assert (cleared.nickname, cleared.avatar, cleared.extra) == ("Anna", "", "")


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (UserChanges(nickname=""), "nickname"),
        (UserChanges(nickname="x" * 65), "nickname"),
        (UserChanges(nickname="a\nb"), "nickname"),
        (UserChanges(avatar="javascript:alert(1)"), "avatar"),
        (UserChanges(extra="[]"), "extra"),
    ],
)
async def test_bad_profiles_are_refused_by_name(world: World, bad: UserChanges, field: str) -> None:
    [ann] = await world.people("ann")
    await refused(world.accounts.update_profile(ann, bad), Code.INVALID_ARGUMENT, field)
    assert (await world.accounts.user(ann, "ann")).nickname == "Ann"


async def test_presence_is_told_of_friends_and_oneself_only(world: World) -> None:
    ann, bob, _ = await world.people("ann", "bob", "stranger")
    await world.friends.request(ann, "bob", "")
    await world.friends.decide(bob, "ann", True)
    world.online.users = {"bob", "stranger", "ann"}
    told = await world.accounts.presence(ann, ["stranger", "bob", "ann", "nobody"])
    assert [(state.user_id, state.online) for state in told] == [("bob", True), ("ann", True)]
    await refused(world.accounts.presence(ann, ["bob"] * 501), Code.INVALID_ARGUMENT, "user_ids")
    await refused(world.accounts.presence(ann, ["a:b"]), Code.INVALID_ARGUMENT, "user_ids")
