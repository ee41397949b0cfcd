"""Tokens as somebody forges them: JWTs (RFC 7519) put together by hand, from a real one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any


def forge(token: str, secret: bytes, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Return a token that says the same as another one, but for these claims, signed with a secret by HMAC-SHA-256."""
    own_header, own_claims, _ = (_decode(part) for part in token.split("."))
    signed = f"{_encode(json.loads(own_header) | (header or {}))}.{_encode(json.loads(own_claims) | claims)}"
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _encode(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
