"""conversations, messages, sync and inbox."""

from __future__ import annotations

from typing import Any

import pytest

from resonance.domain.content import Kind
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import (
    ConversationPage,
    InboxItem,
    InboxPage,
    MemberSettings,
    Reader,
    ReadState,
    RecvOpt,
    SyncPage,
)
from tests.integration.gateway_http.harness import Door
from tests.integration.gateway_http.samples import (
    BIG_ID,
    BOB,
    CALLER,
    ENTRY,
    FRIEND,
    FRIEND_REQUEST,
    PAGE,
    SINGLE,
    USER,
    group_view,
    sent,
    single_view,
)

MESSAGE_JSON = {
    "message_id": str(BIG_ID),
    "conversation_id": SINGLE,
    "seq": 3,
    "sender_id": "bob",
    "type": "text",
    "content": "hello",
    "extra": "",
    "client_msg_id": "k1",
    "ordinal": 3,
    "created_at": 1_700_000_000_123,
}
PATH = f"/api/v1/conversations/{SINGLE}"


async def test_list(door: Door) -> None:
    door.conversations.page.return_value = ConversationPage([single_view(), group_view()], "next")
    page = await door.call("GET", "/api/v1/conversations", params={"cursor": "c", "limit": 9, "with_last": "false"})
    door.conversations.page.assert_awaited_once_with(CALLER, "c", 9, False)
    single, group = page["conversations"]
    assert page["cursor"] == "next"
    assert (single["kind"], single["group_id"], single["unread_count"]) == ("single", "", 1)
    assert (single["peer"]["id"], single["last_message"]) == ("bob", MESSAGE_JSON)
    assert (group["kind"], group["group_id"], group["owner_id"], group["peer"]) == ("group", "team", "bob", None)
    assert (group["history"], group["status"], group["version"]) == ("since_join", "normal", 7)
    assert group["last_message"]["type"] == "system"
    assert (group["membership"]["role"], group["membership"]["max_seq"]) == ("admin", 4)


async def test_a_former_member_does_not_learn_the_real_head(door: Door) -> None:
    door.conversations.get.return_value = group_view()
    group = await door.call("GET", "/api/v1/conversations/sg_team")
    assert group["visible_seq"] == 4
    assert 9 not in group.values()


@pytest.mark.parametrize("name", ["user_id", "target_user_id"])
async def test_open(door: Door, name: str) -> None:
    door.conversations.open_single.return_value = single_view(None)
    view = await door.call("POST", "/api/v1/conversations", json={name: "bob"})
    assert (view["conversation_id"], view["last_message"]) == (SINGLE, None)
    door.conversations.open_single.assert_awaited_once_with(CALLER, "bob")


async def test_get_an_id_with_a_colon(door: Door) -> None:
    door.conversations.get.side_effect = ServiceError(Code.NOT_MEMBER)
    await door.refused(Code.NOT_MEMBER, "GET", "/api/v1/conversations/si_a_b:c")
    door.conversations.get.assert_awaited_once_with(CALLER, "si_a_b:c")


async def test_settings(door: Door) -> None:
    door.conversations.set_member.return_value = single_view()
    body = {"pinned": True, "recv_opt": "no_notify"}
    await door.call("PATCH", f"{PATH}/settings", json=body)
    expected = MemberSettings(True, RecvOpt.NO_NOTIFY, None)
    door.conversations.set_member.assert_awaited_once_with(CALLER, SINGLE, expected)
    wrong = {"recv_opt": "loudly"}
    problem = await door.refused(Code.INVALID_ARGUMENT, "PATCH", f"{PATH}/settings", json=wrong)
    assert problem["field"] == "recv_opt"
    assert "not_recv" in problem["detail"]


async def test_history(door: Door) -> None:
    door.messages.history.return_value = PAGE
    page = await door.call("GET", f"{PATH}/messages", params={"before_seq": 4, "limit": 2})
    assert page == {"conversation_id": SINGLE, "messages": [MESSAGE_JSON], "begin": 1, "end": 3}
    door.messages.history.assert_awaited_once_with(CALLER, SINGLE, 4, 2)


async def test_history_has_a_smaller_limit_than_a_pull(door: Door) -> None:
    door.messages.history.return_value = door.messages.pull.return_value = PAGE
    await door.call("GET", f"{PATH}/messages", params={"limit": 500})
    door.messages.history.assert_awaited_once_with(CALLER, SINGLE, 0, 200)
    await door.call("GET", f"{PATH}/messages", params={"limit": 500, "end": 9})
    door.messages.pull.assert_awaited_once_with(CALLER, SINGLE, 0, 9, 500)


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "before_seq=-1", "begin=x", "end=9223372036854775808"])
async def test_bad_ranges_name_the_parameter(door: Door, query: str) -> None:
    problem = await door.refused(Code.INVALID_ARGUMENT, "GET", f"{PATH}/messages?{query}")
    assert problem["field"] == query.split("=")[0]


async def test_the_two_ways_of_reading_do_not_mix(door: Door) -> None:
    problem = await door.refused(Code.INVALID_ARGUMENT, "GET", f"{PATH}/messages?before_seq=5&begin=1")
    assert problem["field"] == "before_seq"


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(("body", "seq"), [(None, 0), ({}, 0), ({"seq": 7}, 7), ({"seq_id": 8}, 8)])
async def test_mark_read(door: Door, method: str, body: dict[str, int] | None, seq: int) -> None:
    door.messages.mark_read.return_value = ReadState(SINGLE, 7, 9, 2, True)
    answer = await door.call(method, f"{PATH}/read", json=body)
    assert answer == {"conversation_id": SINGLE, "read_seq": 7, "visible_seq": 9, "unread_count": 2}
    door.messages.mark_read.assert_awaited_once_with(CALLER, SINGLE, seq)


async def test_readers(door: Door) -> None:
    door.messages.readers.return_value = [Reader(BOB, 6)]
    answer = await door.call("GET", f"{PATH}/readers?seq=5")
    assert answer == {"readers": [{"user_id": "bob", "read_seq": 6}]}
    door.messages.readers.assert_awaited_once_with(CALLER, SINGLE, 5)
    assert (await door.refused(Code.INVALID_ARGUMENT, "GET", f"{PATH}/readers"))["field"] == "seq"


async def test_typing(door: Door) -> None:
    assert await door.call("POST", f"{PATH}/typing") == {}
    door.messages.typing.assert_awaited_once_with(CALLER, SINGLE)


async def test_heads(door: Door) -> None:
    door.messages.heads.return_value = {SINGLE: 3}
    body = {"conversation_ids": [SINGLE, "sg_x"]}
    assert await door.call("POST", "/api/v1/conversations/heads", json=body) == {"heads": {SINGLE: 3}}
    door.messages.heads.assert_awaited_once_with(CALLER, [SINGLE, "sg_x"])


async def test_send_to_a_conversation(door: Door) -> None:
    door.messages.send.return_value = sent()
    body = {"type": "image", "content": "u", "extra": '{"w":1}', "client_msg_id": "k1"}
    answer = await door.call("POST", f"{PATH}/messages", json=body, headers={"X-Trace-ID": "ab" * 16})
    assert answer == {
        "message_id": str(BIG_ID),
        "conversation_id": SINGLE,
        "seq": 4,
        "ordinal": 4,
        "client_msg_id": "k1",
        "created_at": 1_700_000_000_000,
    }
    caller, item = door.messages.send.await_args.args
    assert caller == CALLER
    assert tuple(item) == (0, 0, "ann", "k1", SINGLE, "", Kind.IMAGE, "u", '{"w":1}', "ab" * 16)


async def test_send_to_somebody(door: Door) -> None:
    door.messages.send.return_value = sent()
    await door.call("POST", "/api/v1/messages", json={"to_user": "bob", "content": "hi", "client_msg_id": "k"})
    _, item = door.messages.send.await_args.args
    assert (item.conversation_id, item.to_user, item.kind) == ("", "bob", Kind.TEXT)


async def test_a_message_without_a_key_gets_one_of_the_server(door: Door) -> None:
    door.messages.send.return_value = sent(key="~gw-0.1.0.1")
    keys = []
    for _ in range(2):
        await door.call("POST", f"{PATH}/messages", json={"content": "hi"})
        keys.append(door.messages.send.await_args.args[1].client_msg_id)
    first, second = (int(key.removeprefix("~gw-0.1.0.")) for key in keys)
    assert second == first + 1


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"content": "x", "client_msg_id": "~gw"}, Code.RESERVED_KEY, "client_msg_id"),
        ({"content": "x", "client_msg_id": "k" * 65}, Code.INVALID_ARGUMENT, "client_msg_id"),
        ({"content": "x", "type": "system"}, Code.INVALID_ARGUMENT, "type"),
        ({"content": "x", "message_type": 4}, Code.INVALID_ARGUMENT, "type"),
        ({"content": 5}, Code.INVALID_ARGUMENT, "content"),
        ({}, Code.INVALID_ARGUMENT, "content"),
    ],
)
async def test_bad_messages(door: Door, body: dict[str, Any], code: Code, field: str) -> None:
    problem = await door.refused(code, "POST", f"{PATH}/messages", json=body)
    assert problem["field"] == field
    door.messages.send.assert_not_awaited()


async def test_a_message_to_nowhere(door: Door) -> None:
    problem = await door.refused(Code.INVALID_ARGUMENT, "POST", "/api/v1/messages", json={"content": "x"})
    assert problem["field"] == "conversation_id"


@pytest.mark.parametrize(("number", "kind"), [(1, 1), (2, 2), (3, 5), (5, 4), (6, 3)])
async def test_numbered_message_types_are_gochats(door: Door, number: int, kind: int) -> None:
    door.messages.send.return_value = sent()
    await door.call("POST", "/api/v1/messages", json={"conversation_id": "c", "message_type": number, "content": "x"})
    assert door.messages.send.await_args.args[1].kind == kind


@pytest.mark.parametrize("code", [Code.MUTED, Code.KEY_CONFLICT, Code.NOT_MEMBER, Code.BUSY])
async def test_a_refused_message_is_a_problem(door: Door, code: Code) -> None:
    door.messages.send.return_value = sent(code.text, "because")
    problem = await door.refused(code, "POST", f"{PATH}/messages", json={"content": "x"})
    assert problem["detail"] == "because"


async def test_sync(door: Door) -> None:
    page = SyncPage(True, [single_view()], [FRIEND], [FRIEND_REQUEST], [USER], "t2", False)
    door.messages.sync.return_value = page
    answer = await door.call("GET", "/api/v1/sync", params={"token": "t1", "limit": 10})
    door.messages.sync.assert_awaited_once_with(CALLER, "t1", 10)
    assert (answer["full"], answer["token"], answer["more"]) == (True, "t2", False)
    assert answer["conversations"][0]["conversation_id"] == SINGLE
    assert answer["friends"] == [
        {"user_id": "bob", "is_friend": True, "blocked": False, "remark": "Bobby", "updated_at": 5}
    ]
    assert (answer["requests"][0]["sender"], answer["users"][0]["id"]) == ("bob", "ann")


async def test_sync_with_a_token_that_is_too_old(door: Door) -> None:
    door.messages.sync.side_effect = ServiceError(Code.REFETCH)
    await door.refused(Code.REFETCH, "GET", "/api/v1/sync?token=old")


async def test_inbox(door: Door) -> None:
    door.messages.inbox.return_value = InboxPage([InboxItem(11, ENTRY)], 11, True)
    answer = await door.call("GET", "/api/v1/inbox?cursor=10&limit=1")
    assert answer == {"items": [{"position": 11, "message": MESSAGE_JSON}], "cursor": 11, "more": True}
    door.messages.inbox.assert_awaited_once_with(CALLER, 10, 1)
