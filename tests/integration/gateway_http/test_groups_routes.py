"""groups."""

from __future__ import annotations

from typing import Any

import pytest

from resonance.config import Settings
from resonance.config.settings import Groups
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import GroupSettings, JoinRequest, Member, MemberPage, NewGroup, RequestStatus, Role
from resonance.domain.windows import History
from tests.integration.gateway_http.harness import Door, make_door
from tests.integration.gateway_http.samples import BOB, CALLER, GROUP, PEER, group_view

PATH = "/api/v1/groups/team"


async def test_create(door: Door) -> None:
    door.conversations.create_group.return_value = group_view()
    body = {"name": "Team", "user_ids": ["bob"], "group_id": "team", "description": "d", "history": "full"}
    group = await door.call("POST", "/api/v1/groups", json=body)
    assert (group["group_id"], group["conversation_id"], group["name"]) == ("team", GROUP, "Team")
    expected = NewGroup("Team", "team", ("bob",), "", "d", History.FULL, 0, False)
    door.conversations.create_group.assert_awaited_once_with(CALLER, expected)


@pytest.mark.parametrize(("configured", "history"), [("full", History.FULL), ("since_join", History.SINCE_JOIN)])
async def test_history_is_as_configured_when_the_maker_says_nothing(configured: str, history: History) -> None:
    door = make_door(Settings(groups=Groups.model_validate({"history": configured})))
    door.conversations.create_group.return_value = group_view()
    await door.call("POST", "/api/v1/groups", json={"name": "Team", "members": ["bob"]})
    assert door.conversations.create_group.await_args.args[1].history is history


@pytest.mark.parametrize("path", [PATH, f"/api/v1/groups/{GROUP}"])
async def test_a_path_takes_both_ids(door: Door, path: str) -> None:
    door.conversations.get.return_value = group_view()
    assert (await door.call("GET", path))["group_id"] == "team"
    door.conversations.get.assert_awaited_once_with(CALLER, GROUP)


async def test_update(door: Door) -> None:
    door.conversations.update_group.return_value = group_view()
    await door.call("PATCH", PATH, json={"name": "New", "mute_all": True, "history": "full"})
    expected = GroupSettings(name="New", mute_all=True, history=History.FULL)
    door.conversations.update_group.assert_awaited_once_with(CALLER, GROUP, expected)


COMMANDS: list[tuple[str, str, Any, str, tuple[Any, ...]]] = [
    ("DELETE", "", None, "dissolve", ()),
    ("PUT", "/requests/bob", {"action": "accept"}, "decide_join", ("bob", True)),
    ("PUT", "/requests/bob", {"action": "reject"}, "decide_join", ("bob", False)),
    ("DELETE", "/members/bob", None, "remove_member", ("bob",)),
    ("POST", "/leave", None, "leave", ()),
    ("PUT", "/members/bob/role", {"role": "admin"}, "set_role", ("bob", Role.ADMIN)),
    ("PUT", "/members/bob/role", {"role": "member"}, "set_role", ("bob", Role.MEMBER)),
    ("PUT", "/owner", {"user_id": "bob"}, "transfer", ("bob",)),
    ("PUT", "/members/bob/mute", {"seconds": 60}, "mute_member", ("bob", 60)),
]


@pytest.mark.parametrize(("method", "path", "body", "command", "arguments"), COMMANDS)
async def test_commands(
    door: Door, method: str, path: str, body: Any, command: str, arguments: tuple[Any, ...]
) -> None:
    mock = getattr(door.conversations, command)
    assert await door.call(method, PATH + path, json=body) == {}
    mock.assert_awaited_once_with(CALLER, GROUP, *arguments)
    mock.side_effect = ServiceError(Code.ROLE_INSUFFICIENT)
    await door.refused(Code.ROLE_INSUFFICIENT, method, PATH + path, json=body)


@pytest.mark.parametrize(("body", "message"), [(None, ""), ({"message": "hi"}, "hi"), ({"reason": "why"}, "why")])
async def test_join(door: Door, body: Any, message: str) -> None:
    door.conversations.join.return_value = RequestStatus.PENDING
    assert await door.call("POST", f"{PATH}/join", json=body) == {"status": "pending"}
    door.conversations.join.assert_awaited_once_with(CALLER, GROUP, message)


async def test_join_requests(door: Door) -> None:
    door.conversations.join_requests.return_value = [JoinRequest(GROUP, BOB, "hi", RequestStatus.PENDING, 1, 2)]
    answer = await door.call("GET", f"{PATH}/requests")
    expected = {"user_id": "bob", "message": "hi", "status": "pending", "created_at": 1, "updated_at": 2}
    assert answer == {"requests": [expected]}


async def test_add_members(door: Door) -> None:
    door.conversations.add_members.return_value = ["bob"]
    assert await door.call("POST", f"{PATH}/members", json={"user_ids": ["bob", "eve"]}) == {"added": ["bob"]}
    door.conversations.add_members.assert_awaited_once_with(CALLER, GROUP, ["bob", "eve"])
    nobody: dict[str, list[str]] = {"user_ids": []}
    problem = await door.refused(Code.INVALID_ARGUMENT, "POST", f"{PATH}/members", json=nobody)
    assert problem["field"] == "user_ids"


async def test_members(door: Door) -> None:
    members = [Member(GROUP, BOB, role=Role.OWNER, inviter=BOB, joined_at=8)]
    door.conversations.members.return_value = MemberPage(members, [PEER], 1, "next")
    page = await door.call("GET", f"{PATH}/members?cursor=c&limit=3")
    door.conversations.members.assert_awaited_once_with(CALLER, GROUP, "c", 3)
    (member,) = page["members"]
    assert (page["total"], page["cursor"]) == (1, "next")
    assert (member["user_id"], member["role"], member["user"]["nickname"]) == ("bob", "owner", "Bob")


async def test_a_role_that_nobody_can_be_given(door: Door) -> None:
    body = {"role": "owner"}
    problem = await door.refused(Code.INVALID_ARGUMENT, "PUT", f"{PATH}/members/bob/role", json=body)
    assert problem["field"] == "role"
