"""What the OpenAPI document says of refusals."""

from __future__ import annotations

from typing import Any

from resonance.domain.errors import Code
from resonance.gateway.http.errors import MEDIA_TYPE

_OPEN = (
    Code.INVALID_ARGUMENT,
    Code.MALFORMED_PACKET,
    Code.TOO_LARGE,
    Code.RATE_LIMITED,
    Code.BUSY,
    Code.UNAVAILABLE,
    Code.STORAGE_UNAVAILABLE,
    Code.DEADLINE,
    Code.INTERNAL,
)
"""What any route may answer."""
_AUTHENTICATED = (
    Code.UNAUTHENTICATED,
    Code.TOKEN_INVALID,
    Code.TOKEN_EXPIRED,
    Code.TOKEN_REVOKED,
    Code.USER_DISABLED,
)

Responses = dict[int | str, dict[str, Any]]
"""FastAPI's own type of what a route may answer."""


def refusals(*codes: Code, authenticated: bool = True) -> Responses:
    """Return the documented refusals of a route: those every route has, and these.

    Args:
        codes: what this route may refuse with, beside the general ones.
        authenticated: whether the route needs a token.
    """
    every = (*_OPEN, *(_AUTHENTICATED if authenticated else ()), *codes)
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(every):
        by_status.setdefault(code.value.status, []).append(code.text)
    documented: Responses = {
        status: {"description": ", ".join(texts), "content": _PROBLEM} for status, texts in sorted(by_status.items())
    }
    return documented | {"default": {"description": "any other refusal", "content": _PROBLEM}}


_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
