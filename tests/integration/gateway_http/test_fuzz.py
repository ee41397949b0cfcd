"""Whatever a client sends, no route answers with a mistake of the server's, and every refusal is a problem."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resonance.domain.errors import Code
from resonance.domain.model import (
    ConversationPage,
    InboxPage,
    MemberPage,
    ReadState,
    RequestStatus,
    SyncPage,
)
from resonance.services.friends import FriendPage
from tests.integration.gateway_http.harness import Door, check_problem, make_door
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
OPERATIONS = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}

TEXTS = st.text(max_size=30) | st.sampled_from(["", "~x", "a" * 70, "\0", "\ud800", "sg_x", "si_a:b", "٣", "text"])
NUMBERS = st.integers() | st.sampled_from([0, -1, 2**63 - 1, 2**63, 2**64, 10**30])
SCALARS = st.none() | st.booleans() | NUMBERS | st.floats() | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))


def _plausible(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return values that a schema would like, now and then bent."""
    if "anyOf" in schema:
        return st.one_of([_plausible(one) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    by_type: dict[str, st.SearchStrategy[Any]] = {
        "string": TEXTS,
        "integer": st.integers(0, 10) | NUMBERS,
        "boolean": st.booleans(),
        "null": st.none(),
        "array": st.lists(TEXTS | VALUES, max_size=3),
    }
    return by_type.get(schema.get("type", ""), VALUES)


def _bodies(operation: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return bodies for an operation: mostly objects of its fields, each plausible, arbitrary or missing."""
    if "requestBody" not in operation:
        return st.just(None)
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    reference = schema if "$ref" in schema else schema["anyOf"][0]
    fields = DOCUMENT["components"]["schemas"][reference["$ref"].rsplit("/", 1)[-1]]["properties"]
    right = st.fixed_dictionaries({name: _plausible(field) for name, field in fields.items()})
    bent = st.fixed_dictionaries({}, optional={name: _plausible(field) | VALUES for name, field in fields.items()})
    return right | bent | VALUES


def _parameters(operation: dict[str, Any], place: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return the parameters of one place, path or query."""
    names = [one["name"] for one in operation.get("parameters", ()) if one["in"] == place]
    if place == "path":
        return st.fixed_dictionaries(dict.fromkeys(names, TEXTS.filter(bool)))
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, TEXTS | NUMBERS))


def _json(value: Any) -> bytes:
    """Return JSON as a hostile client writes it: NaN, huge numbers and halves of surrogate pairs included."""
    return json.dumps(value).encode()


async def _request(method: str, path: str, query: dict[str, Any], body: Any) -> httpx2.Response:
    pairs = {name: str(value).encode("utf-8", "surrogatepass") for name, value in query.items()}
    encoded = "&".join(f"{name}={quote(value)}" for name, value in pairs.items())
    content = None if body is None else _json(body)
    headers = {"Content-Type": "application/json"}
    return await DOOR.client.request(method, f"{path}?{encoded}", content=content, headers=headers)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_no_route_can_be_made_to_fail(name: str, data: st.DataObject) -> None:
    method, template, operation = OPERATIONS[name]
    path = template
    for parameter, value in data.draw(_parameters(operation, "path")).items():
        path = path.replace(f"{{{parameter}}}", quote(value.encode("utf-8", "surrogatepass"), safe=""))
    query = data.draw(_parameters(operation, "query"))
    response = asyncio.run(_request(method, path, query, data.draw(_bodies(operation))))
    if response.status_code != 200:
        code = Code.of(response.json()["code"])
        assert code.value.status < 500, response.text
        check_problem(response, code, response.status_code)


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
