"""friends and blocks."""

from __future__ import annotations

import pytest

from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import RequestStatus
from resonance.services.friends import FriendPage, FriendView
from tests.integration.gateway_http.harness import Door
from tests.integration.gateway_http.samples import CALLER, FRIEND, FRIEND_REQUEST, PEER, PRESENCE


async def test_list(door: Door) -> None:
    door.friends.page.return_value = FriendPage([FriendView(FRIEND, PEER, PRESENCE)], "next")
    page = await door.call("GET", "/api/v1/friends", params={"cursor": "c", "limit": 7})
    door.friends.page.assert_awaited_once_with(CALLER, "c", 7)
    (friend,) = page["friends"]
    assert page["cursor"] == "next"
    assert (friend["user"]["id"], friend["remark"], friend["blocked"], friend["updated_at"]) == (
        "bob",
        "Bobby",
        False,
        5,
    )
    assert friend["presence"]["online"] is True


@pytest.mark.parametrize("path", ["/api/v1/friends", "/api/v1/friends/requests"])
async def test_request(door: Door, path: str) -> None:
    door.friends.request.return_value = RequestStatus.PENDING
    assert await door.call("POST", path, json={"user_id": "bob", "message": "hi"}) == {"status": "pending"}
    door.friends.request.assert_awaited_once_with(CALLER, "bob", "hi")
    door.friends.request.return_value = RequestStatus.ACCEPTED
    assert await door.call("POST", path, json={"user_id": "bob"}) == {"status": "accepted"}


async def test_requests_in_both_directions(door: Door) -> None:
    door.friends.requests.return_value = [FRIEND_REQUEST]
    expected = {
        "sender": "bob",
        "recipient": "ann",
        "message": "hi",
        "status": "pending",
        "created_at": 6,
        "updated_at": 7,
    }
    assert await door.call("GET", "/api/v1/friends/requests") == {"requests": [expected]}
    door.friends.requests.assert_awaited_with(CALLER, True, 50)
    await door.call("GET", "/api/v1/friends/requests?direction=sent&limit=3")
    door.friends.requests.assert_awaited_with(CALLER, False, 3)
    problem = await door.refused(Code.INVALID_ARGUMENT, "GET", "/api/v1/friends/requests?direction=up")
    assert problem["field"] == "direction"


@pytest.mark.parametrize(("action", "accept"), [("accept", True), ("reject", False)])
async def test_decide(door: Door, action: str, accept: bool) -> None:
    assert await door.call("PUT", "/api/v1/friends/requests/bob", json={"action": action}) == {}
    door.friends.decide.assert_awaited_once_with(CALLER, "bob", accept)


async def test_decide_refuses_other_actions(door: Door) -> None:
    body = {"action": "ignore"}
    problem = await door.refused(Code.INVALID_ARGUMENT, "PUT", "/api/v1/friends/requests/bob", json=body)
    assert problem["field"] == "action"
    door.friends.decide.assert_not_awaited()


async def test_remove(door: Door) -> None:
    assert await door.call("DELETE", "/api/v1/friends/bob") == {}
    door.friends.remove.assert_awaited_once_with(CALLER, "bob")
    door.friends.remove.side_effect = ServiceError(Code.USER_NOT_FOUND)
    await door.refused(Code.USER_NOT_FOUND, "DELETE", "/api/v1/friends/bob")


async def test_remark(door: Door) -> None:
    assert await door.call("PATCH", "/api/v1/friends/bob", json={"remark": "Bobby"}) == {}
    door.friends.set_remark.assert_awaited_once_with(CALLER, "bob", "Bobby")


async def test_blocks(door: Door) -> None:
    assert await door.call("PUT", "/api/v1/blocks/bob") == {}
    door.friends.set_blocked.assert_awaited_with(CALLER, "bob", True)
    assert await door.call("DELETE", "/api/v1/blocks/bob") == {}
    door.friends.set_blocked.assert_awaited_with(CALLER, "bob", False)
    door.friends.blocked.return_value = [FRIEND]
    (block,) = (await door.call("GET", "/api/v1/blocks"))["blocks"]
    assert (block["user_id"], block["blocked"], block["is_friend"]) == ("bob", False, True)
