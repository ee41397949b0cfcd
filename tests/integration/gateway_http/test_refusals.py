"""Every way of being wrong is answered by a problem of the catalogue."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest
import structlog

from resonance.config import Settings
from resonance.config.settings import HttpLimits
from resonance.domain.errors import Code, ServiceError
from tests.integration.gateway_http.harness import Door, check_problem, make_door
from tests.integration.gateway_http.samples import TOKENS, USER

LOGIN = "/api/v1/auth/login"
SMALL = Settings(http=HttpLimits(max_body=1024))


@pytest.mark.parametrize("code", list(Code))
async def test_every_code_of_the_catalogue(door: Door, code: Code) -> None:
    door.accounts.user.side_effect = ServiceError(code, "why", field="f", retry_after_ms=0)
    problem = await door.refused(code, "GET", "/api/v1/users/bob")
    assert (problem["detail"], problem["field"]) == ("why", "f")


async def test_how_long_to_wait_is_rounded_up(door: Door) -> None:
    door.accounts.login.side_effect = ServiceError(Code.RATE_LIMITED, retry_after_ms=1_001)
    response = await door.client.post(LOGIN, json={"username": "a", "password": "b"})
    assert check_problem(response, Code.RATE_LIMITED)["retry_after_ms"] == 1_001
    assert response.headers["retry-after"] == "2"


@pytest.mark.parametrize("code", [Code.RATE_LIMITED, Code.BUSY, Code.UNAVAILABLE, Code.STORAGE_UNAVAILABLE])
async def test_a_refusal_for_now_always_says_when_to_come_back(door: Door, code: Code) -> None:
    door.accounts.user.side_effect = ServiceError(code)
    response = await door.client.get("/api/v1/users/me")
    assert check_problem(response, code)["retry_after_ms"] == 1_000
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"password": "x"}, "username"),
        ({"username": "a"}, "password"),
        ({"username": ["a"], "password": "x"}, "username"),
        ({"username": "a", "password": "x", "platform": 6}, "platform"),
        ({"username": "a", "password": "x", "platform": "web"}, "platform"),
        ([], "body"),
        ("text", "body"),
        (None, "body"),
    ],
)
async def test_a_wrong_field_is_named(door: Door, body: object, field: str) -> None:
    problem = await door.refused(Code.INVALID_ARGUMENT, "POST", LOGIN, json=body)
    assert problem["field"] == field
    assert problem["detail"].startswith(f"{field}: ")


async def test_an_element_of_a_list_is_named(door: Door) -> None:
    body = {"user_ids": ["a", 5]}
    problem = await door.refused(Code.INVALID_ARGUMENT, "POST", "/api/v1/users/batch", json=body)
    assert problem["field"] == "user_ids.1"


async def test_a_refusal_does_not_repeat_a_password(door: Door) -> None:
    response = await door.client.post(LOGIN, json={"username": 1, "password": "hunter2"})
    check_problem(response, Code.INVALID_ARGUMENT)
    assert "hunter2" not in response.text


@pytest.mark.parametrize(
    "content",
    [
        *(b"{", b"{'a':1}", b'"\xff"', b"\xff\xfe", b"[" * 100_000, b'{"username": 1e', b"\0"),
        *(b'{"username":"\\ud800","password":"b"}', b'{"username":NaN}', b'{"platform":-Infinity}', b"{} {}"),
    ],
)
async def test_what_is_no_json_is_malformed(door: Door, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    await door.refused(Code.MALFORMED_PACKET, "POST", LOGIN, content=content, headers=headers)


async def test_json_needs_no_content_type(door: Door) -> None:
    door.accounts.login.return_value = TOKENS
    await door.call("POST", LOGIN, content=b'{"username":"a","password":"b"}')


async def test_a_form_is_no_json(door: Door) -> None:
    form = {"username": "a", "password": "b"}
    assert (await door.refused(Code.INVALID_ARGUMENT, "POST", LOGIN, data=form))["field"] == "body"


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/nothing", "/api/v1/friends/", "/api/v2/auth/login"])
async def test_unknown_paths(door: Door, path: str) -> None:
    assert path in (await door.refused(Code.NOT_FOUND, "GET", path))["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", LOGIN, "POST"),
        ("POST", "/api/v1/groups/x", "DELETE, GET, PATCH"),
        ("DELETE", "/healthz", "GET, HEAD"),
        ("BREW", "/api/v1/sync", "GET"),
    ],
)
async def test_wrong_methods_learn_the_right_ones(door: Door, method: str, path: str, allow: str) -> None:
    response = await door.client.request(method, path)
    check_problem(response, Code.NOT_FOUND, status=405)
    assert response.headers["allow"] == allow


async def test_a_body_that_is_announced_too_large_is_not_read() -> None:
    door = make_door(SMALL)
    body = {"username": "a", "password": "b" * 2_000}
    problem = await door.refused(Code.TOO_LARGE, "POST", LOGIN, json=body)
    assert "1024" in problem["detail"]


async def test_a_chunked_body_is_cut_at_the_limit() -> None:
    door = make_door(SMALL)
    given = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal given
        for _ in range(100):
            given += 512
            yield b" " * 512

    headers = {"Content-Type": "application/json"}
    await door.refused(Code.TOO_LARGE, "POST", LOGIN, content=chunks(), headers=headers)
    assert given == 1536


async def test_a_body_of_just_the_limit_passes() -> None:
    door = make_door(SMALL)
    door.accounts.login.return_value = TOKENS
    frame = b'{"username":"a","password":"%b"}'
    await door.call("POST", LOGIN, content=frame % (b"b" * (1024 - len(frame) + 2)))


async def test_a_mistake_of_ours_is_hidden_and_logged(door: Door) -> None:
    door.accounts.user.side_effect = RuntimeError("the secret of the house")
    with structlog.testing.capture_logs() as logs:
        response = await door.client.get("/api/v1/users/me", headers={"Origin": "http://app.test"})
    check_problem(response, Code.INTERNAL)
    assert "secret" not in response.text
    assert response.headers["access-control-allow-origin"] == "*"
    failed = next(entry for entry in logs if entry["event"] == "http request failed")
    assert (failed["path"], failed["exc_info"]) == ("/api/v1/users/me", True)


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, Code.UNAUTHENTICATED),
        ("", Code.UNAUTHENTICATED),
        ("Bearer", Code.UNAUTHENTICATED),
        ("Basic YTpi", Code.UNAUTHENTICATED),
        ("Bearer nonsense", Code.TOKEN_INVALID),
        ("Bearer expired", Code.TOKEN_EXPIRED),
        ("Bearer revoked", Code.TOKEN_REVOKED),
    ],
)
async def test_tokens(door: Door, header: str | None, code: Code) -> None:
    del door.client.headers["Authorization"]
    response = await door.client.get("/api/v1/users/me", headers={} if header is None else {"Authorization": header})
    check_problem(response, code)
    challenge = 'Bearer realm="resonance"'
    expected = challenge if code is Code.UNAUTHENTICATED else f'{challenge}, error="invalid_token"'
    assert response.headers["www-authenticate"] == expected


async def test_the_scheme_is_read_in_any_case(door: Door) -> None:
    door.accounts.user.return_value = USER
    await door.call("GET", "/api/v1/users/me", headers={"Authorization": "bearer good-token"})


OPEN_ROUTES = {"register", "login", "refresh", "health", "ready"}


async def test_every_other_route_needs_a_token(door: Door) -> None:
    del door.client.headers["Authorization"]
    for path, methods in door.app.openapi()["paths"].items():
        for method, operation in methods.items():
            if operation["operationId"] not in OPEN_ROUTES:
                response: httpx2.Response = await door.client.request(method.upper(), path)
                check_problem(response, Code.UNAUTHENTICATED)
