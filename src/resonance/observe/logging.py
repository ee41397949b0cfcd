"""Logs: set up once per process. Our own lines and those of libraries leave through the same door, on standard error.

A line is an event with fields, never a sentence with values inside; it carries the trace id of what it belongs to.
JSON for machines, a readable form on a terminal.
"""

from __future__ import annotations

import logging
import sys
from datetime import datetime
from typing import TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor

from resonance.config.settings import Log
from resonance.observe.masking import mask_secrets
from resonance.observe.trace import current_trace

_QUIET = {
    "picows": logging.WARNING,
    "uvicorn": logging.WARNING,
    "uvicorn.access": logging.WARNING,
    "alembic": logging.WARNING,
    "asyncmy": logging.ERROR,  # it fetches and logs every note of the server
}
"""Libraries that say what our own lines say already, such as every connection, and from which level on they count."""


def configure(log: Log, role: str, stream: TextIO | None = None) -> None:
    """Set up logging for this process. Calling it again replaces the set-up.

    Args:
        role: goes into every line, so that the lines of several processes can be read together.
        stream: standard error when not given.
    """
    stream = stream or sys.stderr
    level = logging.getLevelNamesMapping()[log.level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_context(role),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                mask_secrets,
                *_renderers(log, stream),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(level, least))


def _add_context(role: str) -> Processor:
    def add(_logger: object, _method: str, event: EventDict) -> EventDict:
        event["role"] = role
        if trace := current_trace():
            event["trace_id"] = trace
        return event

    return add


def _renderers(log: Log, stream: TextIO) -> list[Processor]:
    terminal = stream.isatty()
    if log.format == "console" or (log.format == "auto" and terminal):
        console = structlog.dev.ConsoleRenderer(
            colors=terminal, sort_keys=False, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
        return [_shorten, console]
    return [structlog.processors.JSONRenderer(serializer=_json)]


def _shorten(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Leave out what somebody who watches a terminal does not need, so that a line mostly fits into one."""
    hidden = {"route", "logger"} if event.get("level") in ("debug", "info") else set()
    short = {name: value for name, value in event.items() if value != "" and name not in hidden}
    short["timestamp"] = datetime.fromisoformat(event["timestamp"]).astimezone().strftime("%H:%M:%S")
    return short


def _json(event: object, **_: object) -> str:
    """Return a line of JSON; what JSON does not know is written as its repr, because a log line must not fail."""
    return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
