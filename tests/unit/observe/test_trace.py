"""Trace ids survive the way over the wire, and nothing else is taken for one."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonance.observe import trace

TRACES = st.text("0123456789abcdef", min_size=32, max_size=32).filter(lambda t: t != "0" * 32)


@given(TRACES)
def test_a_trace_id_survives_the_round_trip(trace_id: str) -> None:
    assert trace.parse_traceparent(trace.format_traceparent(trace_id)) == trace_id


def test_new_ids_are_32_hex_digits_and_differ() -> None:
    first, second = trace.new_trace(), trace.new_trace()
    assert first != second
    assert trace.parse_traceparent(f"00-{first}-{'1' * 16}-00") == first


@pytest.mark.parametrize(
    "header",
    [
        "",
        "not a traceparent",
        "00-" + "0" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "a" * 32 + "-" + "0" * 16 + "-01",
        "ff-" + "a" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "A" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "a" * 31 + "-" + "1" * 16 + "-01",
        "00-" + "a" * 32 + "-" + "1" * 16 + "-01-more",
        "00-" + "a" * 32 + "-" + "1" * 16,
    ],
)
def test_what_is_no_traceparent_is_ignored(header: str) -> None:
    assert trace.parse_traceparent(header) == ""


def test_a_later_version_may_append_fields() -> None:
    assert trace.parse_traceparent("01-" + "a" * 32 + "-" + "1" * 16 + "-01-more") == "a" * 32


async def test_tasks_do_not_see_each_others_trace() -> None:
    async def run(name: str) -> str:
        trace.set_trace(name)
        await asyncio.sleep(0)
        return trace.current_trace()

    assert tuple(await asyncio.gather(run("a"), run("b"))) == ("a", "b")
    assert trace.current_trace() == ""


def test_a_trace_ends_with_its_token() -> None:
    token = trace.set_trace("a")
    assert trace.current_trace() == "a"
    trace.reset_trace(token)
    assert trace.current_trace() == ""
