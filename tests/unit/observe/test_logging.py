"""Every line has its fields and its trace, and none has a credential."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from typing import Any, Literal

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from resonance.config.settings import Log
from resonance.observe import trace
from resonance.observe.logging import configure
from resonance.observe.masking import MASK, mask_secrets, mask_text

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"


@pytest.fixture
def lines() -> Callable[[], list[dict[str, Any]]]:
    """Logging as JSON into memory; the fixture's value returns the lines so far."""
    stream = io.StringIO()
    configure(Log(level="info", format="json"), "logic", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


Lines = Callable[[], list[dict[str, Any]]]


def test_a_line_has_its_fields_and_its_trace(lines: Lines) -> None:
    token = trace.set_trace("a" * 32)
    structlog.get_logger("resonance.logic").info("batch committed", size=3)
    trace.reset_trace(token)
    [line] = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "batch committed",
        "size": 3,
        "level": "info",
        "logger": "resonance.logic",
        "role": "logic",
        "trace_id": "a" * 32,
    }


def test_lines_below_the_level_are_not_written(lines: Lines) -> None:
    structlog.get_logger("x").debug("a")
    logging.getLogger("grpc").debug("b")
    assert lines() == []


def test_libraries_log_through_the_same_door(lines: Lines) -> None:
    logging.getLogger("uvicorn.error").warning("%s is %d", "a", 1)
    [line] = lines()
    assert (line["event"], line["logger"], line["role"]) == ("a is 1", "uvicorn.error", "logic")


def test_what_our_own_lines_say_is_not_said_twice(lines: Lines) -> None:
    for name in ("picows.server", "uvicorn.access", "uvicorn.error", "alembic.runtime.migration"):
        logging.getLogger(name).info("hello")
    assert lines() == []


def test_a_traceback_is_part_of_the_line_and_masked(lines: Lines) -> None:
    try:
        raise ValueError(f"cannot read token={JWT}")
    except ValueError:
        structlog.get_logger("x").exception("failed")
    [line] = lines()
    assert "ValueError" in line["exception"]
    assert JWT not in line["exception"]


def test_what_json_does_not_know_is_still_written(lines: Lines) -> None:
    structlog.get_logger("x").info("odd", value=object, by_number={1: {2}})
    [line] = lines()
    assert line["value"] == "<class 'object'>"
    assert line["by_number"] == {"1": [2]}


@pytest.mark.parametrize("written", ["console", "auto"])
def test_there_are_no_colours_off_a_terminal(written: Literal["console", "auto"], lines: Lines) -> None:
    stream = io.StringIO()
    configure(Log(format=written), "serve", stream)
    structlog.get_logger("x").warning("hello", secret="s3")
    assert "hello" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()
    assert "s3" not in stream.getvalue()


@given(
    st.sampled_from(
        ["password", "new_password", "Authorization", "access_token", "refreshToken", "SECRET", "set-cookie"]
    ),
    st.text("xyzXYZ", min_size=8),
    st.integers(0, 2),
)
def test_fields_named_like_credentials_are_masked_at_any_depth(key: str, value: str, depth: int) -> None:
    event: dict[str, Any] = {key: value}
    for _ in range(depth):
        event = {"request": [event]}
    assert value not in str(mask_secrets(None, "info", event))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"GET /ws?token={JWT}&dialect=nexo HTTP/1.1", "dialect=nexo HTTP/1.1"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: "),
        ('{"password": "abc.def-ghi", "user": "anna"}', '"user": "anna"'),
        ("subprotocols resonance.v1, bearer.abc.def-ghi", "resonance.v1, bearer."),
        (f"cannot decode {JWT}", "cannot decode "),
        ("refresh_token='abc.def-ghi'", "refresh_token="),
    ],
)
def test_credentials_inside_texts_are_masked(text: str, kept: str) -> None:
    masked = mask_text(text)
    assert MASK in masked
    assert kept in masked
    assert JWT not in masked
    assert "abc.def-ghi" not in masked


@pytest.mark.parametrize("text", ["", "the token is one of this server", "3 messages", "bearers of bad news"])
def test_other_texts_are_left_alone(text: str) -> None:
    assert mask_text(text) == text


def test_numbers_are_no_credentials() -> None:
    assert mask_secrets(None, "info", {"tokens_closed": 3, "token_ok": True, "token": None}) == {
        "tokens_closed": 3,
        "token_ok": True,
        "token": None,
    }


def test_a_line_for_people_leaves_out_what_is_empty_and_where_it_is_from_unless_it_warns() -> None:
    stream = io.StringIO()
    configure(Log(format="console"), "serve", stream)
    structlog.get_logger("some.module").info("http request", path="/x", route="/x", user="", status=0)
    structlog.get_logger("some.module").warning("hello", user="")
    info, warning = stream.getvalue().splitlines()
    assert "path=/x status=0 role=serve" in info
    assert "some.module" not in info
    assert "some.module" in warning
    assert "user" not in info + warning
