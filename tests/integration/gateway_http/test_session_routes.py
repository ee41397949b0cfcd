"""Seed 001's session routes: its field names, seconds, canonical ids."""

from __future__ import annotations

from typing import Any

import pytest

from resonance.config import Settings
from resonance.config.settings import Dialects
from resonance.domain.errors import Code
from resonance.domain.ids import OPEN_CONVERSATION
from resonance.domain.model import (
    Conversation,
    ConversationKind,
    ConversationPage,
    ConversationView,
    Member,
    NewGroup,
)
from tests.integration.gateway_http.harness import Door, make_door
from tests.integration.gateway_http.samples import BIG_ID, CALLER, PAGE, PEER, SINGLE, group_view, single_view

MESSAGE_JSON = {
    "msg_id": str(BIG_ID),
    "seq_id": 3,
    "session_id": SINGLE,
    "from_username": "bob",
    "to_username": "ann",
    "content": "hello",
    "type": "text",
    "timestamp": 1_700_000_000,
}


async def test_list(door: Door) -> None:
    door.conversations.page.side_effect = [
        ConversationPage([single_view()], "next"),
        ConversationPage([group_view()], ""),
    ]
    single, group = (await door.call("GET", "/api/v1/session/list"))["sessions"]
    assert single == {
        "session_id": SINGLE,
        "name": "Bob",
        "type": 1,
        "avatar_url": "b.png",
        "unread_count": 1,
        "last_read_seq": 2,
        "last_message": MESSAGE_JSON,
    }
    assert (group["name"], group["type"], group["avatar_url"]) == ("Team", 2, "t.png")
    assert (group["last_message"]["type"], group["last_message"]["to_username"]) == ("system", "")


@pytest.mark.parametrize(("room", "listed"), [(False, [SINGLE]), (True, [OPEN_CONVERSATION, SINGLE])])
async def test_everybodys_conversation_is_listed_where_it_is_wanted(room: bool, listed: list[str]) -> None:
    door = make_door(Settings(dialects=Dialects(resonance_room=room)))
    single = single_view()
    everybody = Conversation(OPEN_CONVERSATION, ConversationKind.OPEN, "All")
    views = [ConversationView(everybody, Member(OPEN_CONVERSATION, CALLER.user_id), None, 0, 0), single]
    door.conversations.page.return_value = ConversationPage(views, "")
    sessions = (await door.call("GET", "/api/v1/session/list"))["sessions"]
    assert [session["session_id"] for session in sessions] == listed


async def test_an_endless_list_ends(door: Door) -> None:
    door.conversations.page.return_value = ConversationPage([single_view()] * 200, "more")
    assert len((await door.call("GET", "/api/v1/session/list"))["sessions"]) == 1_000


@pytest.mark.parametrize(
    "body", [{"members": ["bob"]}, {"members": ["bob", "ann"], "type": 1}, {"members": ["bob", "bob"], "type": 1}]
)
async def test_create_single(door: Door, body: dict[str, Any]) -> None:
    door.conversations.open_single.return_value = single_view()
    assert await door.call("POST", "/api/v1/session/create", json=body) == {"session_id": SINGLE}
    door.conversations.open_single.assert_awaited_once_with(CALLER, "bob")


@pytest.mark.parametrize(
    "body", [{"members": ["bob", "ann", "eve"], "name": "Team"}, {"members": ["bob", "eve"], "name": "Team", "type": 2}]
)
async def test_create_group(door: Door, body: dict[str, Any]) -> None:
    door.conversations.create_group.return_value = group_view()
    assert await door.call("POST", "/api/v1/session/create", json=body) == {"session_id": "sg_team"}
    door.conversations.create_group.assert_awaited_once_with(CALLER, NewGroup("Team", members=("bob", "eve")))


@pytest.mark.parametrize("members", [[], ["ann"], ["bob", "eve"]])
async def test_a_single_session_has_one_other_member(door: Door, members: list[str]) -> None:
    body = {"members": members, "type": 1}
    problem = await door.refused(Code.INVALID_ARGUMENT, "POST", "/api/v1/session/create", json=body)
    assert problem["field"] == "members"


async def test_messages(door: Door) -> None:
    door.conversations.get.return_value = single_view()
    door.messages.history.return_value = PAGE
    query = {"session_id": SINGLE, "limit": 5, "before_seq": 4}
    assert await door.call("GET", "/api/v1/session/messages", params=query) == {"messages": [MESSAGE_JSON]}
    door.messages.history.assert_awaited_once_with(CALLER, SINGLE, 4, 5)


@pytest.mark.parametrize("room", [False, True])
async def test_everybodys_messages_are_read_where_it_is_listed(room: bool) -> None:
    door = make_door(Settings(dialects=Dialects(resonance_room=room)))
    everybody = Conversation(OPEN_CONVERSATION, ConversationKind.OPEN, "All")
    door.conversations.get.return_value = ConversationView(
        everybody, Member(OPEN_CONVERSATION, CALLER.user_id), None, 0, 0
    )
    door.messages.history.return_value = PAGE
    query = {"session_id": OPEN_CONVERSATION}
    if room:
        assert len((await door.call("GET", "/api/v1/session/messages", params=query))["messages"]) == 1
    else:
        await door.refused(Code.CONVERSATION_NOT_FOUND, "GET", "/api/v1/session/messages", params=query)
        door.messages.history.assert_not_awaited()


@pytest.mark.parametrize("name", ["query", "q"])
async def test_search(door: Door, name: str) -> None:
    door.accounts.search.return_value = [PEER]
    answer = await door.call("GET", "/api/v1/session/search", params={name: "bo"})
    assert answer == {"users": [{"username": "bob", "nickname": "Bob", "avatar_url": "b.png"}]}
    door.accounts.search.assert_awaited_once_with(CALLER, "bo", 50)


async def test_search_for_nothing(door: Door) -> None:
    assert (await door.refused(Code.INVALID_ARGUMENT, "GET", "/api/v1/session/search"))["field"] == "query"
