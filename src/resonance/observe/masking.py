"""Keeping credentials out of the logs, wherever they come from: our own fields, libraries' texts, tracebacks."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

MASK = "***"

_SECRET_KEY = re.compile(r"password|passwd|secret|token|authorization|cookie|credential|api_?key", re.IGNORECASE)
_IN_TEXT = re.compile(
    r"(?P<name>(?:[\w-]*(?:token|password|passwd|secret|api_?key)|authorization)[\"']?\s*[=:]\s*[\"']?)(?:bearer\s+)?[^\s&\"',;)}\]]+"
    r"|(?P<bearer>bearer[ .])[\w.~+/-]+=*"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*",
    re.IGNORECASE,
)


def mask_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace values of fields that are named like a credential, and credentials inside texts (a structlog processor).

    Numbers and booleans are kept: `tokens_closed=3` is no secret.
    """
    for key, value in event.items():
        event[key] = _masked(key, value)
    return event


def mask_text(text: str) -> str:
    """Return the text without `token=…`, `Bearer …` and JSON web tokens."""
    return _IN_TEXT.sub(lambda found: (found["name"] or found["bearer"] or "") + MASK, text)


def _masked(key: str, value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if _SECRET_KEY.search(key):
        return MASK
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        return {name: _masked(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked("", inner) for inner in value]
    return value
