"""Friends on a real store: asking, deciding, listing, blocking."""

from __future__ import annotations

import pytest

from resonance.domain.errors import Code
from resonance.domain.ids import UserId, single_id
from resonance.domain.model import Caller, RequestStatus
from resonance.logic import friends as module
from tests.unit.logic.conftest import World, Worlds
from tests.unit.logic.refusals import refused


async def befriend(world: World, one: Caller, other: Caller) -> None:
    await world.friends.request(one, other.user_id, "")
    await world.friends.decide(other, one.user_id, True)


async def friend_ids(world: World, caller: Caller) -> list[str]:
    return [view.friend.friend_id for view in (await world.friends.page(caller, "", 500)).items]


async def test_asking_and_accepting(world: World) -> None:
    ann, bob = await world.people("ann", "bob")
    assert await world.friends.request(ann, "bob", "hi\nit is me") is RequestStatus.PENDING
    [request] = await world.friends.requests(bob, received=True, limit=10)
    assert (request.sender, request.message) == ("ann", "hi\nit is me")
    assert [sent.recipient for sent in await world.friends.requests(ann, received=False, limit=10)] == ["bob"]
    await world.friends.decide(bob, "ann", True)
    assert await friend_ids(world, ann) == ["bob"]
    assert await friend_ids(world, bob) == ["ann"]
    await refused(world.friends.request(ann, "bob", ""), Code.ALREADY_FRIENDS)


async def test_rejecting(world: World) -> None:
    ann, bob = await world.people("ann", "bob")
    await world.friends.request(ann, "bob", "")
    await world.friends.decide(bob, "ann", False)
    assert await friend_ids(world, ann) == []
    await refused(world.friends.decide(bob, "ann", True), Code.REQUEST_NOT_FOUND)


async def test_asking_who_has_asked_makes_friends(world: World) -> None:
    ann, bob = await world.people("ann", "bob")
    await world.friends.request(ann, "bob", "")
    assert await world.friends.request(bob, "ann", "") is RequestStatus.ACCEPTED
    assert await friend_ids(world, ann) == ["bob"]


async def test_the_instant_policy_asks_nobody_but_who_has_blocked(worlds: Worlds) -> None:
    world = worlds.make(friends={"policy": "instant"})
    ann, bob, _ = await world.people("ann", "bob", "cleo")
    assert await world.friends.request(ann, "cleo", "") is RequestStatus.ACCEPTED
    await world.friends.set_blocked(bob, "ann", True)
    assert await world.friends.request(ann, "bob", "") is RequestStatus.PENDING
    assert await friend_ids(world, ann) == ["cleo"]


async def test_whom_one_blocks_one_cannot_ask(world: World) -> None:
    ann, _ = await world.people("ann", "bob")
    await world.friends.set_blocked(ann, "bob", True)
    assert [row.friend_id for row in await world.friends.blocked(ann)] == ["bob"]
    await refused(world.friends.request(ann, "bob", ""), Code.BLOCKED)
    await world.friends.set_blocked(ann, "bob", False)
    assert await world.friends.request(ann, "bob", "") is RequestStatus.PENDING


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ("ann", Code.INVALID_ARGUMENT),
        ("a:b", Code.INVALID_ARGUMENT),
        ("a\nb", Code.INVALID_ARGUMENT),
        ("", Code.INVALID_ARGUMENT),
        ("nobody", Code.USER_NOT_FOUND),
    ],
)
async def test_every_command_checks_whom_it_is_about(world: World, other: str, code: Code) -> None:
    [ann] = await world.people("ann")
    friends = world.friends
    for call in (
        friends.request(ann, other, ""),
        friends.remove(ann, other),
        friends.set_remark(ann, other, "x"),
        friends.set_blocked(ann, other, True),
    ):
        await refused(call, code)


async def test_unanswered_requests_are_limited(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UNANSWERED", 2)
    ann, bob, _, dora = await world.people("ann", "bob", "cleo", "dora")
    await world.friends.request(ann, "bob", "")
    await world.friends.request(ann, "cleo", "")
    await refused(world.friends.request(ann, "dora", ""), Code.LIMIT_REACHED)
    assert await world.friends.request(ann, "bob", "again") is RequestStatus.PENDING
    await world.friends.request(dora, "ann", "")
    assert await world.friends.request(ann, "dora", "") is RequestStatus.ACCEPTED
    await world.friends.decide(bob, "ann", False)
    await world.people("emil")
    assert await world.friends.request(ann, "emil", "") is RequestStatus.PENDING


async def test_friends_come_by_pages_with_profile_and_presence(world: World) -> None:
    ann, *others = await world.people("ann", "bob", "cleo", "dora")
    for other in others:
        await befriend(world, ann, other)
    await world.friends.set_remark(ann, "cleo", " Boss ")
    world.online.users = {"cleo"}
    first = await world.friends.page(ann, "", 2)
    assert [(view.user.nickname, view.friend.remark, view.presence.online) for view in first.items] == [
        ("Bob", "", False),
        ("Cleo", "Boss", True),
    ]
    second = await world.friends.page(ann, first.cursor, 2)
    assert [view.user.id for view in second.items] == ["dora"]
    assert (first.cursor, second.cursor) == ("cleo", "")


async def test_a_full_last_page_has_no_cursor(world: World) -> None:
    ann, bob = await world.people("ann", "bob")
    await befriend(world, ann, bob)
    assert (await world.friends.page(ann, "", 1)).cursor == ""


async def test_removing_ends_it_on_both_sides(world: World) -> None:
    ann, bob = await world.people("ann", "bob")
    await befriend(world, ann, bob)
    await world.friends.remove(bob, "ann")
    assert await friend_ids(world, ann) == await friend_ids(world, bob) == []
    await refused(world.friends.remove(bob, "ann"), Code.USER_NOT_FOUND)


async def test_what_stands_between_two_is_read_anew_after_a_change(world: World) -> None:
    ann, bob = await world.people("ann", "bob")
    conversation = single_id(UserId("ann"), UserId("bob"))
    await world.conversations.open_single(ann, "bob")

    async def between() -> tuple[bool, frozenset[str]]:
        state = (await world.states.get([conversation], ["ann"]))[conversation]
        return state.friends, state.blocked

    assert await between() == (False, frozenset())
    await befriend(world, ann, bob)
    assert await between() == (True, frozenset())
    await world.friends.set_blocked(bob, "ann", True)
    assert await between() == (True, frozenset({"ann"}))
    await world.friends.set_blocked(bob, "ann", False)
    await world.friends.remove(bob, "ann")
    assert await between() == (False, frozenset())


async def test_bounds(world: World) -> None:
    ann, bob = await world.people("ann", "bob")
    await befriend(world, ann, bob)
    await refused(world.friends.request(bob, "ann", "x" * 513), Code.INVALID_ARGUMENT, "message")
    await refused(world.friends.set_remark(ann, "bob", "x" * 65), Code.INVALID_ARGUMENT, "remark")
    await refused(world.friends.page(ann, "a:b", 10), Code.INVALID_ARGUMENT, "cursor")
    for limit in (0, 501):
        await refused(world.friends.page(ann, "", limit), Code.INVALID_ARGUMENT, "limit")
    for limit in (0, 101):
        await refused(world.friends.requests(ann, received=True, limit=limit), Code.INVALID_ARGUMENT, "limit")
    await refused(world.friends.decide(ann, "a\nb", True), Code.INVALID_ARGUMENT, "sender")


@pytest.mark.parametrize("blocker", ["ann", "bob"])
async def test_a_block_hides_the_presence_of_both(world: World, blocker: str) -> None:
    ann, bob, cleo = await world.people("ann", "bob", "cleo")
    await befriend(world, ann, bob)
    await befriend(world, ann, cleo)
    world.online.users = {"ann", "bob", "cleo"}
    blocked = "bob" if blocker == "ann" else "ann"
    await world.friends.set_blocked(Caller(UserId(blocker), 0, ""), blocked, True)

    async def seen_by(caller: Caller) -> dict[str, bool]:
        return {view.user.id: view.presence.online for view in (await world.friends.page(caller, "", 9)).items}

    assert await seen_by(ann) == {"bob": False, "cleo": True}
    assert await seen_by(bob) == {"ann": False}
    everybody = ["ann", "bob", "cleo"]
    assert [state.user_id for state in await world.accounts.presence(ann, everybody)] == ["ann", "cleo"]
    assert [state.user_id for state in await world.accounts.presence(bob, everybody)] == ["bob"]
