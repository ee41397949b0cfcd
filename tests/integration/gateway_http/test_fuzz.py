"""Whatever a client sends, no route answers with a mistake of the server's, and every refusal is a problem."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resonance.domain.model import (
    ConversationPage,
    InboxPage,
    MemberPage,
    ReadState,
    RequestStatus,
    SyncPage,
)
from resonance.services.friends import FriendPage
from tests.integration.gateway_http.generators import operations, shots
from tests.integration.gateway_http.harness import Door, check_answer, fire, make_door
from tests.integration.gateway_http.samples import CALLER, PAGE, SINGLE, TOKENS, USER, group_view, sent

ANSWERS: dict[str, dict[str, Any]] = {
    "accounts": {
        **dict.fromkeys(("register", "login", "refresh"), TOKENS),
        **dict.fromkeys(("user", "update_profile"), USER),
        **{command: [] for command in ("users", "search", "devices", "presence")},
        "create_invitation": "code",
    },
    "friends": {
        "request": RequestStatus.PENDING,
        "requests": [],
        "blocked": [],
        "page": FriendPage([], ""),
    },
    "conversations": {
        **dict.fromkeys(("open_single", "create_group", "get", "set_member", "update_group"), group_view()),
        "page": ConversationPage([], ""),
        "join": RequestStatus.ACCEPTED,
        "join_requests": [],
        "add_members": [],
        "members": MemberPage([], [], 0, ""),
    },
    "messages": {
        **dict.fromkeys(("history", "pull"), PAGE),
        "send": sent(),
        "heads": {},
        "mark_read": ReadState(SINGLE, 1, 1, 0, False),
        "readers": [],
        "sync": SyncPage(False, [], [], [], [], "t", False),
        "inbox": InboxPage([], 0, False),
    },
}
"""An answer for every command, so that whatever gets past the parsing also passes through the schemas."""


def _fuzz_door() -> Door:
    door = make_door()
    for service, answers in ANSWERS.items():
        for command, answer in answers.items():
            getattr(getattr(door, service), command).return_value = answer
    return door


DOOR = _fuzz_door()
DOCUMENT = DOOR.app.openapi()


@pytest.mark.parametrize("name", sorted(operations(DOCUMENT)))
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_no_route_can_be_made_to_fail(name: str, data: st.DataObject) -> None:
    response = asyncio.run(fire(DOOR.client, data.draw(shots(DOCUMENT, name))))
    check_answer(response)


def test_what_gets_through_was_checked() -> None:
    """Neither numbers nor texts that no store can hold reach a service, nor keys that only the server makes."""
    for service in (DOOR.accounts, DOOR.friends, DOOR.conversations, DOOR.messages):
        for call in service.method_calls:
            assert all(not isinstance(value, int) or -1 < value < 2**63 for value in call.args), call
            assert "\\ud800" not in repr(call.args)
    for call in DOOR.messages.send.await_args_list:
        caller, item = call.args
        assert (caller, item.sender) == (CALLER, "ann")
        assert item.client_msg_id.startswith("~gw-0.1.0.") or not item.client_msg_id.startswith("~")
