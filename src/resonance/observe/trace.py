"""Trace ids: 32 hex digits that follow one request or message through every role, written as W3C Trace Context.

The id lives in a context variable, so whatever runs on behalf of a request finds it, and every log line carries it
(`resonance.observe.logging`). Between processes it travels as a `traceparent`. Spans are made only where somebody
exports them (`resonance.observe.otlp`). Source: https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar, Token
from typing import Protocol

_TRACEPARENT = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?P<rest>-.*)?"
)

Attribute = str | int | float | bool


class SpanMaker(Protocol):
    """Begins a span of a trace on entry and ends it on exit."""

    def __call__(
        self, name: str, trace: str, attributes: Mapping[str, Attribute]
    ) -> AbstractContextManager[object]: ...


_NOTHING: AbstractContextManager[object] = nullcontext()
_span_maker: SpanMaker | None = None  # set once per process by whoever exports spans
_current: ContextVar[str] = ContextVar("resonance_trace", default="")


def current_trace() -> str:
    """Return the trace id of what runs now, "" when it belongs to no trace."""
    return _current.get()


def set_trace(trace: str) -> Token[str]:
    """Make this the current trace id and return what `reset_trace` needs to undo it."""
    return _current.set(trace)


def reset_trace(token: Token[str]) -> None:
    """Undo a `set_trace`; in the same context, as context variables demand."""
    _current.reset(token)


def new_trace() -> str:
    """Return a fresh trace id: 32 lower-case hex digits, not all zero."""
    return secrets.token_hex(16)


def parse_traceparent(header: str) -> str:
    """Return the trace id of a `traceparent`, or "" when it is none, which the standard says to ignore.

    Versions above 00 may append fields; ff is forbidden, and so are ids of zeros.
    """
    match = _TRACEPARENT.fullmatch(header.strip())
    if match is None or (match["version"] == "00" and match["rest"]):
        return ""
    return match["trace"]


def format_traceparent(trace: str) -> str:
    """Return a sampled `traceparent` for a trace id, with a fresh parent id."""
    return f"00-{trace}-{secrets.token_hex(8)}-01"


def span(name: str, **attributes: Attribute) -> AbstractContextManager[object]:
    """Time what runs inside as a span of the current trace; costs next to nothing when no spans are exported."""
    if _span_maker is None or not (trace := _current.get()):
        return _NOTHING
    return _span_maker(name, trace, attributes)


def export_spans(maker: SpanMaker | None) -> None:
    """Make `span` begin spans with this maker; None ends that."""
    global _span_maker
    _span_maker = maker
