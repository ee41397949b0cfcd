"""GoChat's answers: success is told by the HTTP status, and every body says it once more."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import Response

from resonance.domain.errors import Code, ServiceError
from resonance.gateway.dialects.gochat.tables import error_code

_UNAUTHENTICATED = frozenset({Code.UNAUTHENTICATED, Code.TOKEN_INVALID, Code.TOKEN_EXPIRED, Code.TOKEN_REVOKED})


def answer(data: Any, status: int = 200, message: str = "") -> Response:
    """Return what was asked for; `data` is what this client reads."""
    body = {"success": True, "message": message, "data": data}
    return Response(orjson.dumps(body), status, media_type="application/json")


def refusal(error: ServiceError, status: int) -> Response:
    """Return why something was not done; a dead token is always 401, at which this client logs out (wire.md 5.1)."""
    status = 401 if error.code in _UNAUTHENTICATED else status
    body = {"success": False, "message": error.message, "code": error_code(error.code)}
    return Response(orjson.dumps(body), status, media_type="application/json")
