"""Conversations on a real store: making them, coming, going and ruling."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import (
    Caller,
    Conversation,
    ConversationStatus,
    Entry,
    GroupChange,
    GroupSettings,
    MemberSettings,
    NewGroup,
    RecvOpt,
    RequestStatus,
    Role,
)
from resonance.domain.windows import History
from resonance.logic import conversations as module
from tests.unit.logic.conftest import World, Worlds
from tests.unit.logic.refusals import refused

GROUP = "sg_g"


async def make_group(world: World, *members: str, **settings: object) -> list[Caller]:
    """Make accounts and the group `g` of them; the first one owns it."""
    callers = await world.people(*members)
    group = NewGroup("Group", group_id="g", members=members[1:], **settings)  # type: ignore[arg-type]
    await world.conversations.create_group(callers[0], group)
    return callers


async def notices(world: World) -> list[tuple[str, str, list[str]]]:
    """Return what the group's log says: action, actor, users."""
    entries: list[Entry] = await world.store.entries(GROUP, 1, 1_000)
    told = [json.loads(entry.content) for entry in entries]
    return [(notice["action"], notice["actor"], notice["users"]) for notice in told]


async def roles(world: World, caller: Caller) -> dict[str, str]:
    page = await world.conversations.members(caller, GROUP, "", 500)
    return {member.user_id: member.role.name.lower() for member in page.items}


# ---------------------------------------------------------------- single conversations


async def test_a_single_conversation_is_made_once(world: World) -> None:
    ann, bob = await world.people("ann", "bob")
    first = await world.conversations.open_single(ann, "bob")
    second = await world.conversations.open_single(bob, "ann")
    assert first.conversation.id == second.conversation.id == "si_ann_bob"
    assert first.peer is not None
    assert (first.peer.id, first.unread) == ("bob", 0)
    await refused(world.conversations.open_single(ann, "nobody"), Code.USER_NOT_FOUND)
    await refused(world.conversations.open_single(ann, "a:b"), Code.INVALID_ARGUMENT, "user_id")


async def test_a_single_conversation_cannot_be_joined_left_or_ruled(world: World) -> None:
    ann, _ = await world.people("ann", "bob")
    single = (await world.conversations.open_single(ann, "bob")).conversation.id
    c = world.conversations
    for call in (
        c.join(ann, single, ""),
        c.leave(ann, single),
        c.add_members(ann, single, ["bob"]),
        c.remove_member(ann, single, "bob"),
        c.dissolve(ann, single),
        c.update_group(ann, single, GroupSettings(name="x")),
    ):
        await refused(call, Code.PERMISSION_DENIED)


async def test_the_open_conversation_cannot_be_joined_or_left(world: World) -> None:
    [ann] = await world.people("ann")
    await world.store.ensure_open("world", "World")
    await refused(world.conversations.join(ann, "world", ""), Code.PERMISSION_DENIED)
    await refused(world.conversations.leave(ann, "world"), Code.PERMISSION_DENIED)
    assert (await world.conversations.get(ann, "world")).conversation.name == "World"


# ---------------------------------------------------------------- making groups


async def test_a_group_begins_with_an_entry_that_says_so(world: World) -> None:
    ann, *_ = await world.people("ann", "bob", "cleo")
    group = NewGroup(" Group ", members=("bob", "ann", "cleo", "bob"), history=History.FULL)
    view = await world.conversations.create_group(ann, group)
    assert (view.conversation.name, view.conversation.owner, view.conversation.member_count) == ("Group", "ann", 3)
    assert view.conversation.max_members == 500
    assert view.last_entry is not None
    assert json.loads(view.last_entry.content) == {
        "action": "created",
        "actor": "ann",
        "users": ["bob", "cleo"],
        "count": 2,
        "changes": {"name": "Group"},
    }


async def test_a_group_may_begin_with_its_owner_alone(world: World) -> None:
    [ann] = await world.people("ann")
    assert (await world.conversations.create_group(ann, NewGroup("Mine"))).conversation.member_count == 1


async def test_a_group_of_unknown_people_is_refused_naming_one(world: World) -> None:
    [ann] = await world.people("ann")
    error = await refused(
        world.conversations.create_group(ann, NewGroup("Group", members=("nobody",))), Code.USER_NOT_FOUND
    )
    assert "nobody" in error.message
    assert (await world.conversations.page(ann, "", 10, True)).items == []


async def test_making_the_same_group_again_is_the_same_group(worlds: Worlds) -> None:
    world = worlds.make(groups={"per_user": 1})
    ann, bob = await world.people("ann", "bob")
    group = NewGroup("Group", group_id="g", members=("bob",))
    first, second = [await world.conversations.create_group(ann, group) for _ in range(2)]
    assert first.conversation == second.conversation
    await refused(world.conversations.create_group(bob, group), Code.CONVERSATION_EXISTS)


@pytest.mark.parametrize(
    ("group", "field"),
    [
        (NewGroup(""), "name"),
        (NewGroup("   "), "name"),
        (NewGroup("x" * 129), "name"),
        (NewGroup("a\nb"), "name"),
        (NewGroup("G", group_id="a b"), "group_id"),
        (NewGroup("G", group_id="x" * 65), "group_id"),
        (NewGroup("G", members=("a:b",)), "members"),
        (NewGroup("G", members=("a\nb",)), "members"),
        (NewGroup("G", members=("ann",) * 1_001), "members"),
        (NewGroup("G", avatar="javascript:alert(1)"), "avatar"),
        (NewGroup("G", introduction="x" * 1_025), "introduction"),
        (NewGroup("G", max_members=1), "max_members"),
        (NewGroup("G", max_members=100_001), "max_members"),
        (NewGroup("G", max_members=-1), "max_members"),
    ],
)
async def test_bad_groups_are_refused_by_name(world: World, group: NewGroup, field: str) -> None:
    [ann] = await world.people("ann")
    await refused(world.conversations.create_group(ann, group), Code.INVALID_ARGUMENT, field)


async def test_a_group_never_has_more_members_than_it_may(world: World) -> None:
    ann, bob, _, dora = await world.people("ann", "bob", "cleo", "dora")
    full = NewGroup("Group", group_id="g", members=("bob", "cleo"), max_members=2)
    await refused(world.conversations.create_group(ann, full), Code.GROUP_FULL)
    await world.conversations.create_group(ann, NewGroup("Group", group_id="g", members=("bob",), max_members=2))
    await refused(world.conversations.add_members(ann, GROUP, ["cleo"]), Code.GROUP_FULL)
    await refused(world.conversations.join(dora, GROUP, ""), Code.GROUP_FULL)
    await world.conversations.leave(bob, GROUP)
    assert await world.conversations.join(dora, GROUP, "") is RequestStatus.ACCEPTED


async def test_the_last_place_is_given_once(world: World) -> None:
    ann, *others = await world.people("ann", *(f"u{n}" for n in range(4)))
    await world.conversations.create_group(ann, NewGroup("Group", group_id="g", max_members=2))
    outcomes = await asyncio.gather(
        *(world.conversations.join(other, GROUP, "") for other in others), return_exceptions=True
    )
    codes = [outcome.code for outcome in outcomes if isinstance(outcome, ServiceError)]
    assert codes == [Code.GROUP_FULL] * 3
    assert outcomes.count(RequestStatus.ACCEPTED) == 1


async def test_one_user_owns_a_limited_number_of_groups(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PAGE", 1)
    world = worlds.make(groups={"per_user": 2})
    ann, bob = await world.people("ann", "bob")
    await world.conversations.open_single(ann, "bob")
    await world.conversations.create_group(bob, NewGroup("Theirs", members=("ann",)))
    for name in ("One", "Two"):
        await world.conversations.create_group(ann, NewGroup(name))
    await refused(world.conversations.create_group(ann, NewGroup("Three")), Code.LIMIT_REACHED)
    await world.conversations.create_group(bob, NewGroup("Theirs too"))


# ---------------------------------------------------------------- coming and going


async def test_joining_leaving_and_joining_again(world: World) -> None:
    ann, *_ = await make_group(world, "ann", "bob")
    [cleo] = await world.people("cleo")
    assert await world.conversations.join(cleo, GROUP, "") is RequestStatus.ACCEPTED
    await refused(world.conversations.join(cleo, GROUP, ""), Code.ALREADY_MEMBER)
    await world.conversations.leave(cleo, GROUP)
    await refused(world.conversations.leave(cleo, GROUP), Code.MEMBER_INACTIVE)
    await world.conversations.join(cleo, GROUP, "")
    assert set(await roles(world, ann)) == {"ann", "bob", "cleo"}
    assert await notices(world) == [
        ("created", "ann", ["bob"]),
        ("joined", "cleo", ["cleo"]),
        ("left", "cleo", ["cleo"]),
        ("joined", "cleo", ["cleo"]),
    ]


async def test_the_owner_has_to_stay(world: World) -> None:
    ann, _ = await make_group(world, "ann", "bob")
    await refused(world.conversations.leave(ann, GROUP), Code.OWNER_MUST_STAY)


async def test_joining_with_approval(world: World) -> None:
    ann, bob = await make_group(world, "ann", "bob", join_approval=True)
    cleo, dora = await world.people("cleo", "dora")
    assert await world.conversations.join(cleo, GROUP, "let me in") is RequestStatus.PENDING
    assert await world.conversations.join(dora, GROUP, "") is RequestStatus.PENDING
    wishes = await world.conversations.join_requests(ann, GROUP)
    assert [(wish.user_id, wish.message) for wish in wishes] == [("cleo", "let me in"), ("dora", "")]
    await refused(world.conversations.join_requests(bob, GROUP), Code.ROLE_INSUFFICIENT)
    await refused(world.conversations.join_requests(cleo, GROUP), Code.NOT_MEMBER)
    await refused(world.conversations.decide_join(bob, GROUP, "cleo", True), Code.ROLE_INSUFFICIENT)
    await world.conversations.decide_join(ann, GROUP, "cleo", True)
    await world.conversations.decide_join(ann, GROUP, "dora", False)
    for accept in (True, False):
        for other in ("cleo", "dora", "nobody"):
            await refused(world.conversations.decide_join(ann, GROUP, other, accept), Code.REQUEST_NOT_FOUND)
    assert set(await roles(world, ann)) == {"ann", "bob", "cleo"}
    assert await world.conversations.join_requests(ann, GROUP) == []
    assert (await notices(world))[-1] == ("joined", "ann", ["cleo"])


async def test_where_joining_needs_approval_only_admins_bring_people_in(world: World) -> None:
    ann, bob = await make_group(world, "ann", "bob", join_approval=True)
    await world.people("cleo")
    await refused(world.conversations.add_members(bob, GROUP, ["cleo"]), Code.ROLE_INSUFFICIENT)
    assert await world.conversations.add_members(ann, GROUP, ["cleo"]) == ["cleo"]


async def test_adding_tells_who_is_new(world: World) -> None:
    _, bob = await make_group(world, "ann", "bob")
    await world.people("cleo", "dora")
    assert await world.conversations.add_members(bob, GROUP, ["ann", "cleo", "bob", "dora", "cleo"]) == ["cleo", "dora"]
    assert await world.conversations.add_members(bob, GROUP, ["ann", "cleo"]) == []
    assert await notices(world) == [("created", "ann", ["bob"]), ("joined", "bob", ["cleo", "dora"])]
    error = await refused(world.conversations.add_members(bob, GROUP, ["nobody"]), Code.USER_NOT_FOUND)
    assert "nobody" in error.message
    for bad in ([], ["bob"], ["a:b"], ["x"] * 1_001):
        await refused(world.conversations.add_members(bob, GROUP, bad), Code.INVALID_ARGUMENT, "user_ids")


async def test_removing_closes_the_door_behind_somebody(world: World) -> None:
    ann, bob, _ = await make_group(world, "ann", "bob", "cleo")
    await refused(world.conversations.remove_member(bob, GROUP, "cleo"), Code.ROLE_INSUFFICIENT)
    await refused(world.conversations.remove_member(ann, GROUP, "ann"), Code.INVALID_ARGUMENT, "user_id")
    await world.conversations.remove_member(ann, GROUP, "bob")
    await refused(world.conversations.members(bob, GROUP, "", 10), Code.MEMBER_INACTIVE)
    await refused(world.conversations.add_members(bob, GROUP, ["cleo"]), Code.MEMBER_INACTIVE)
    assert (await world.conversations.get(bob, GROUP)).visible_seq == 2
    assert (await notices(world))[-1] == ("kicked", "ann", ["bob"])


# ---------------------------------------------------------------- ruling


async def test_admins_are_made_by_the_owner(world: World) -> None:
    ann, bob, cleo = await make_group(world, "ann", "bob", "cleo")
    await world.conversations.set_role(ann, GROUP, "bob", Role.ADMIN)
    await world.conversations.set_role(ann, GROUP, "bob", Role.ADMIN)
    assert await roles(world, cleo) == {"ann": "owner", "bob": "admin", "cleo": "member"}
    await refused(world.conversations.set_role(bob, GROUP, "cleo", Role.ADMIN), Code.ROLE_INSUFFICIENT)
    await refused(world.conversations.set_role(ann, GROUP, "cleo", Role.OWNER), Code.INVALID_ARGUMENT, "role")
    await world.conversations.remove_member(bob, GROUP, "cleo")
    await world.conversations.set_role(ann, GROUP, "bob", Role.MEMBER)
    assert await roles(world, ann) == {"ann": "owner", "bob": "member"}
    assert [action for action, _, _ in await notices(world)] == ["created", "kicked"]


async def test_a_transfer_makes_the_old_owner_admin(world: World) -> None:
    ann, bob = await make_group(world, "ann", "bob")
    await refused(world.conversations.transfer(bob, GROUP, "ann"), Code.ROLE_INSUFFICIENT)
    await refused(world.conversations.transfer(ann, GROUP, "ann"), Code.INVALID_ARGUMENT, "user_id")
    await world.conversations.transfer(ann, GROUP, "bob")
    assert await roles(world, ann) == {"bob": "owner", "ann": "admin"}
    assert (await world.conversations.get(ann, GROUP)).conversation.owner == "bob"
    assert (await notices(world))[-1] == ("transferred", "ann", ["bob"])
    await world.conversations.leave(ann, GROUP)


async def test_two_transfers_at_once_leave_one_owner(world: World) -> None:
    ann, *_ = await make_group(world, "ann", "bob", "cleo")
    outcomes = await asyncio.gather(
        *(world.conversations.transfer(ann, GROUP, other) for other in ("bob", "cleo")), return_exceptions=True
    )
    codes = [outcome.code for outcome in outcomes if isinstance(outcome, ServiceError)]
    assert codes == [Code.ROLE_INSUFFICIENT]
    assert sorted((await roles(world, ann)).values()) == ["admin", "member", "owner"]


async def test_muting(world: World) -> None:
    ann, bob = await make_group(world, "ann", "bob")

    async def muted_until() -> int:
        return (await world.store.states([GROUP], ["bob"]))[0].members["bob"].muted_until

    await world.conversations.mute_member(ann, GROUP, "bob", 60)
    assert await muted_until() == world.clock.now + 60_000
    await world.conversations.mute_member(ann, GROUP, "bob", 0)
    assert await muted_until() == 0
    await refused(world.conversations.mute_member(bob, GROUP, "ann", 60), Code.ROLE_INSUFFICIENT)
    for seconds in (-1, 2**40):
        await refused(world.conversations.mute_member(ann, GROUP, "bob", seconds), Code.INVALID_ARGUMENT, "seconds")


async def test_updating_changes_and_tells_what_is_new(world: World) -> None:
    ann, bob = await make_group(world, "ann", "bob")
    wanted = GroupSettings(name="Group", introduction="Hello", mute_all=True, history=History.FULL)
    view = await world.conversations.update_group(ann, GROUP, wanted)
    assert (view.conversation.introduction, view.conversation.mute_all) == ("Hello", True)
    again = await world.conversations.update_group(ann, GROUP, wanted)
    assert again.conversation.version == view.conversation.version
    [_, entry] = await world.store.entries(GROUP, 1, 10)
    assert json.loads(entry.content)["changes"] == {"introduction": "Hello", "history": "full", "mute_all": True}
    await refused(world.conversations.update_group(bob, GROUP, GroupSettings(name="x")), Code.ROLE_INSUFFICIENT)
    await refused(world.conversations.update_group(bob, GROUP, GroupSettings(mute_all=False)), Code.ROLE_INSUFFICIENT)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        (GroupSettings(name=""), "name"),
        (GroupSettings(name="x" * 129), "name"),
        (GroupSettings(avatar="ftp://x/y"), "avatar"),
        (GroupSettings(introduction="\x00"), "introduction"),
        (GroupSettings(max_members=1), "max_members"),
        (GroupSettings(max_members=100_001), "max_members"),
        (GroupSettings(max_members=2), "max_members"),
    ],
)
async def test_bad_settings_are_refused_by_name(world: World, settings: GroupSettings, field: str) -> None:
    ann, *_ = await make_group(world, "ann", "bob", "cleo")
    await refused(world.conversations.update_group(ann, GROUP, settings), Code.INVALID_ARGUMENT, field)


async def test_a_dissolved_group_stays_readable_and_changes_no_more(world: World) -> None:
    ann, bob = await make_group(world, "ann", "bob")
    await refused(world.conversations.dissolve(bob, GROUP), Code.ROLE_INSUFFICIENT)
    await world.conversations.dissolve(ann, GROUP)
    view = await world.conversations.get(bob, GROUP)
    assert view.conversation.status is ConversationStatus.DISSOLVED
    assert (await notices(world))[-1] == ("dissolved", "ann", [])
    [cleo] = await world.people("cleo")
    c = world.conversations
    for call in (c.dissolve(ann, GROUP), c.leave(bob, GROUP), c.join(cleo, GROUP, ""), c.transfer(ann, GROUP, "bob")):
        await refused(call, Code.CONVERSATION_DISSOLVED)


async def test_what_is_not_there_is_not_found(world: World) -> None:
    [ann] = await world.people("ann")
    c = world.conversations
    calls: list[Callable[[str], Awaitable[object]]] = [
        lambda id_: c.get(ann, id_),
        lambda id_: c.join(ann, id_, ""),
        lambda id_: c.leave(ann, id_),
        lambda id_: c.dissolve(ann, id_),
        lambda id_: c.members(ann, id_, "", 10),
        lambda id_: c.join_requests(ann, id_),
        lambda id_: c.decide_join(ann, id_, "bob", True),
        lambda id_: c.add_members(ann, id_, ["bob"]),
        lambda id_: c.remove_member(ann, id_, "bob"),
        lambda id_: c.set_role(ann, id_, "bob", Role.ADMIN),
        lambda id_: c.transfer(ann, id_, "bob"),
        lambda id_: c.mute_member(ann, id_, "bob", 1),
        lambda id_: c.update_group(ann, id_, GroupSettings(name="x")),
    ]
    for call in calls:
        await refused(call("sg_nothing"), Code.CONVERSATION_NOT_FOUND)
        await refused(call("sg_\n"), Code.INVALID_ARGUMENT, "conversation_id")
        await refused(call(""), Code.INVALID_ARGUMENT, "conversation_id")


async def test_people_outside_see_nothing(world: World) -> None:
    await make_group(world, "ann", "bob")
    [eve] = await world.people("eve")
    c = world.conversations
    for call in (c.get(eve, GROUP), c.members(eve, GROUP, "", 10), c.leave(eve, GROUP), c.join_requests(eve, GROUP)):
        await refused(call, Code.NOT_MEMBER)


# ---------------------------------------------------------------- one's own settings, lists


async def test_ones_own_settings(world: World) -> None:
    ann, _ = await make_group(world, "ann", "bob")
    view = await world.conversations.set_member(
        ann, GROUP, MemberSettings(pinned=True, recv_opt=RecvOpt.NO_NOTIFY, nickname=" Chief ")
    )
    assert (view.member.pinned, view.member.recv_opt, view.member.nickname) == (True, RecvOpt.NO_NOTIFY, "Chief")
    await refused(
        world.conversations.set_member(ann, GROUP, MemberSettings(nickname="x" * 65)), Code.INVALID_ARGUMENT, "nickname"
    )


async def test_lists_come_by_pages_within_bounds(world: World) -> None:
    ann, *_ = await make_group(world, "ann", "bob", "cleo")
    first = await world.conversations.members(ann, GROUP, "", 2)
    second = await world.conversations.members(ann, GROUP, first.cursor, 2)
    assert [m.user_id for m in first.items + second.items] == ["ann", "bob", "cleo"]
    for limit in (0, 501):
        await refused(world.conversations.members(ann, GROUP, "", limit), Code.INVALID_ARGUMENT, "limit")
    for limit in (0, 201):
        await refused(world.conversations.page(ann, "", limit, True), Code.INVALID_ARGUMENT, "limit")
    for cursor in ("\x00", "x" * 513):
        await refused(world.conversations.page(ann, cursor, 10, True), Code.INVALID_ARGUMENT, "cursor")
        await refused(world.conversations.members(ann, GROUP, cursor, 10), Code.INVALID_ARGUMENT, "cursor")


# ---------------------------------------------------------------- races


async def test_a_change_on_a_stale_state_is_decided_again(
    world: World, worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    another = worlds.make()
    ann, bob, _ = await make_group(world, "ann", "bob", "cleo")
    await world.conversations.set_role(ann, GROUP, "bob", Role.ADMIN)
    change_group = world.store.change_group

    async def demote_first(change: GroupChange) -> Conversation:
        monkeypatch.setattr(world.store, "change_group", change_group)
        await another.conversations.set_role(ann, GROUP, "bob", Role.MEMBER)
        return await change_group(change)

    monkeypatch.setattr(world.store, "change_group", demote_first)
    await refused(world.conversations.remove_member(bob, GROUP, "cleo"), Code.ROLE_INSUFFICIENT)
    assert set(await roles(world, ann)) == {"ann", "bob", "cleo"}


async def test_changes_at_once_take_turns(world: World) -> None:
    everybody = [f"u{number}" for number in range(12)]
    ann, *_ = await make_group(world, "ann", *everybody)
    async with asyncio.TaskGroup() as tasks:
        for name in everybody:
            tasks.create_task(world.conversations.set_role(ann, GROUP, name, Role.ADMIN))
    assert {role for name, role in (await roles(world, ann)).items() if name != "ann"} == {"admin"}


async def test_a_group_that_never_holds_still_is_busy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, _ = await make_group(world, "ann", "bob")
    tries = []

    async def always_stale(change: GroupChange) -> Conversation:
        tries.append(change)
        raise ServiceError(Code.STALE)

    monkeypatch.setattr(world.store, "change_group", always_stale)
    error = await refused(world.conversations.remove_member(ann, GROUP, "bob"), Code.BUSY)
    assert error.code.value.retry
    assert len(tries) == module.ATTEMPTS


async def test_the_message_path_learns_of_a_change(world: World) -> None:
    ann, bob = await make_group(world, "ann", "bob")
    before = (await world.states.get([GROUP], ["bob"]))[GROUP]
    await world.conversations.remove_member(ann, GROUP, "bob")
    after = (await world.states.get([GROUP], ["bob"]))[GROUP]
    assert before.members[bob.user_id].active
    assert not after.members[bob.user_id].active


async def test_everybody_joins_at_once(world: World) -> None:
    ann, *_ = await make_group(world, "ann", "bob")
    others = await world.people(*(f"u{n}" for n in range(3)))
    assert await asyncio.gather(*(world.conversations.join(other, GROUP, "") for other in others)) == [
        RequestStatus.ACCEPTED
    ] * len(others)
    assert len(await roles(world, ann)) == 5
