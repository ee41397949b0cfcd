"""Traces, log lines, metrics, CORS, rate limits, addresses, headers."""

from __future__ import annotations

import re

import pytest
import structlog
from prometheus_client import REGISTRY

from resonance.config import Settings
from resonance.config.settings import HttpLimits, WsConfig
from resonance.domain.errors import Code, ServiceError
from tests.integration.gateway_http.harness import Door, check_problem, make_door
from tests.integration.gateway_http.samples import TOKENS, USER

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
ME = "/api/v1/users/me"


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ({"X-Trace-ID": TRACE}, True),
        ({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, True),
        ({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "X-Trace-ID": "a" * 32}, True),
        ({"X-Trace-ID": "no trace"}, False),
        ({"X-Trace-ID": TRACE + "\tx"}, False),
        ({"traceparent": "00-0-0-01"}, False),
        ({}, False),
    ],
)
async def test_a_trace_is_continued_or_begun(door: Door, headers: dict[str, str], kept: bool) -> None:
    response = await door.client.get("/healthz", headers=headers)
    trace = response.headers["x-trace-id"]
    assert re.fullmatch("[0-9a-f]{32}", trace)
    assert (trace == TRACE) is kept


async def test_each_request_has_a_trace_of_its_own(door: Door) -> None:
    traces = {(await door.client.get("/healthz")).headers["x-trace-id"] for _ in range(5)}
    assert len(traces) == 5


async def test_one_line_tells_of_a_request_but_not_its_query(door: Door) -> None:
    door.accounts.user.return_value = USER
    with structlog.testing.capture_logs() as logs:
        await door.client.get("/api/v1/users/bob?token=hunter2")
    (line,) = logs
    assert (line["event"], line["log_level"]) == ("http request", "info")
    assert (line["method"], line["path"], line["route"]) == ("GET", "/api/v1/users/bob", "/api/v1/users/{user_id}")
    assert (line["status"], line["user"], line["address"]) == (200, "ann", "192.0.2.1")
    assert line["ms"] >= 0
    assert "hunter2" not in str(line)


async def test_health_checks_do_not_fill_the_log(door: Door) -> None:
    with structlog.testing.capture_logs() as logs:
        await door.client.get("/healthz")
    assert [line["log_level"] for line in logs] == ["debug"]


def _counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_requests_are_counted_by_route(door: Door) -> None:
    labels = {"method": "GET", "route": "/api/v1/users/{user_id}"}
    total, timed = "gateway_http_requests_total", "gateway_http_request_duration_seconds_count"
    failed = "gateway_http_errors_total"
    before = _counted(total, **labels, status="200"), _counted(timed, **labels), _counted(failed, **labels)
    door.accounts.user.side_effect = [USER, USER, ServiceError(Code.BUSY)]
    for name in ("ann", "bob", "eve"):
        await door.client.get(f"/api/v1/users/{name}")
    after = _counted(total, **labels, status="200"), _counted(timed, **labels), _counted(failed, **labels)
    assert [b - a for a, b in zip(before, after, strict=True)] == [2, 3, 1]


async def test_unknown_paths_and_methods_share_one_series(door: Door) -> None:
    labels = {"method": "OTHER", "route": "unmatched", "status": "404"}
    before = _counted("gateway_http_requests_total", **labels)
    for path in ("/a", "/b"):
        await door.client.request("BREW", path)
    assert _counted("gateway_http_requests_total", **labels) == before + 2


PREFLIGHT = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}


async def test_a_preflight_passes_from_anywhere(door: Door) -> None:
    response = await door.client.options(ME, headers={"Origin": "http://app.test", **PREFLIGHT})
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["access-control-allow-origin"] == "*"
    assert "PATCH" in response.headers["access-control-allow-methods"]
    assert response.headers["access-control-allow-headers"] == "authorization"
    assert "access-control-allow-credentials" not in response.headers
    door.accounts.authenticate.assert_not_awaited()


async def test_an_answer_may_be_read_from_anywhere_with_its_trace(door: Door) -> None:
    response = await door.client.get("/healthz", headers={"Origin": "http://app.test"})
    assert response.headers["access-control-allow-origin"] == "*"
    assert "X-Trace-ID" in response.headers["access-control-expose-headers"]


async def test_a_list_of_origins() -> None:
    door = make_door(Settings(ws_config=WsConfig(origins=("http://app.test",))))
    good = await door.client.options(ME, headers={"Origin": "http://app.test", **PREFLIGHT})
    assert (good.status_code, good.headers["access-control-allow-origin"]) == (204, "http://app.test")
    bad = await door.client.options(ME, headers={"Origin": "http://evil.test", **PREFLIGHT})
    check_problem(bad, Code.PERMISSION_DENIED)
    plain = await door.client.get("/healthz", headers={"Origin": "http://evil.test"})
    assert "access-control-allow-origin" not in plain.headers


async def test_security_headers(door: Door) -> None:
    door.accounts.user.return_value = USER
    response = await door.client.get("/nothing")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["referrer-policy"] == "no-referrer"
    for path in ("/nothing", ME):
        assert (await door.client.get(path)).headers["cache-control"] == "no-store"


LIMITED = Settings(http=HttpLimits(per_address_per_second=0.3, trusted_proxies=("10.0.0.0/8",)))


async def test_an_address_may_not_ask_too_often() -> None:
    door = make_door(LIMITED)
    statuses = [(await door.client.get("/nothing")).status_code for _ in range(3)]
    assert statuses == [404] * 3
    problem = await door.refused(Code.RATE_LIMITED, "GET", "/nothing")
    assert 0 < problem["retry_after_ms"] <= 3_334


async def test_health_checks_are_never_limited() -> None:
    door = make_door(LIMITED)
    assert {(await door.client.get("/readyz")).status_code for _ in range(9)} == {200}


async def test_clients_behind_a_trusted_proxy_are_told_apart() -> None:
    door = make_door(LIMITED, peer="10.1.1.1")
    for client in ("198.51.100.1", "198.51.100.2"):
        for _ in range(3):
            assert (await door.client.get("/x", headers={"X-Forwarded-For": client})).status_code == 404
        await door.refused(Code.RATE_LIMITED, "GET", "/x", headers={"X-Forwarded-For": client})


async def test_a_stranger_cannot_pretend_to_be_a_proxy() -> None:
    door = make_door(LIMITED, peer="203.0.113.9")
    for number in range(3):
        await door.client.get("/x", headers={"X-Forwarded-For": f"198.51.100.{number}"})
    await door.refused(Code.RATE_LIMITED, "GET", "/x", headers={"X-Forwarded-For": "198.51.100.77"})


async def test_logins_are_throttled_by_the_clients_address() -> None:
    door = make_door(LIMITED, peer="10.1.1.1")
    door.accounts.login.return_value = TOKENS
    body = {"username": "a", "password": "b"}
    await door.call("POST", "/api/v1/auth/login", json=body, headers={"X-Forwarded-For": "198.51.100.1"})
    assert door.accounts.login.await_args.args[0].address == "198.51.100.1"
