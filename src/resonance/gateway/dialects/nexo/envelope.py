"""Nexo's answers: HTTP status 200 whatever happened, and a code in the body.

The seed's clients read `msg`, later ones `message`: both are there.
"""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import Response

from resonance.domain.errors import ServiceError
from resonance.gateway.dialects.nexo.errors import BODY, SUCCESS, UPGRADES, number
from resonance.observe.trace import current_trace

_NOTHING = object()


def answer(data: Any = _NOTHING) -> Response:
    """Return what was asked for; without an argument, that it was done."""
    given = {} if data is _NOTHING else {"data": data}
    return _enveloped(SUCCESS, "success", given)


def refusal(error: ServiceError) -> Response:
    """Return why something was not done."""
    return _enveloped(number(error, BODY), error.message, {})


def upgrade_refusal(error: ServiceError) -> Response:
    """Return why a WebSocket is not opened: by an HTTP status, the one thing that its clients see."""
    return _enveloped(number(error, UPGRADES), error.message, {}, error.code.value.status)


def _enveloped(code: int, text: str, data: dict[str, Any], status: int = 200) -> Response:
    body = orjson.dumps({"code": code, "msg": text, "message": text, **data})
    return Response(body, status, {"Trace-Id": current_trace()}, "application/json")
