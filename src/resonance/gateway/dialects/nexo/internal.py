"""Nexo's own services, who call below /im/internal: a request is signed, and names the user for whom it acts.

`X-Signature` is the hexadecimal HMAC-SHA256 of service, timestamp, method, path and the body's SHA-256, each in a line
(wire.md 2.2.1), by `dialects.nexo_internal_secret`.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable

from fastapi import Request

from resonance.config.settings import Dialects
from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import check_handle
from resonance.domain.model import Caller, Platform, UserStatus
from resonance.gateway.http.context import ContextOf

PREFIX = "/im/internal"
MAX_SKEW_S = 300
"""How far a request's timestamp may be from the server's clock, in seconds."""


async def require_signature(request: Request, context: ContextOf) -> None:
    """Refuse a request that none of Nexo's services has signed, and note that one has."""
    check_signature(context.settings.dialects, request, await request.body())
    request.state.nexo_signed = True


def is_signed(request: Request) -> bool:
    """Say whether a service's signature was checked: never to be told from a URL, which a client has a part in."""
    return getattr(request.state, "nexo_signed", False) is True


def check_signature(config: Dialects, request: Request, body: bytes, clock: Callable[[], float] = time.time) -> None:
    """Refuse a request that no allowed service has signed, or not now.

    Raises:
        ServiceError: NOT_FOUND while there is no secret; UNAUTHENTICATED, TOKEN_INVALID, TOKEN_EXPIRED.
    """
    if config.nexo_internal_secret is None:
        raise ServiceError(Code.NOT_FOUND, f"{PREFIX} is off: dialects.nexo_internal_secret switches it on")
    service, stamp, signature = (
        request.headers.get(f"x-{name}", "") for name in ("service-name", "timestamp", "signature")
    )
    if not (service and stamp and signature):
        raise ServiceError(Code.UNAUTHENTICATED, "X-Service-Name, X-Timestamp and X-Signature have to be there")
    signed = "\n".join((service, stamp, request.method, request.scope["path"], hashlib.sha256(body).hexdigest()))
    secret = config.nexo_internal_secret.get_secret_value().encode()
    expected = hmac.new(secret, signed.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise ServiceError(Code.TOKEN_INVALID, "X-Signature does not fit the request")
    if config.nexo_internal_services and service not in config.nexo_internal_services:
        raise ServiceError(Code.PERMISSION_DENIED, f"{service[:64]!r} is not one of dialects.nexo_internal_services")
    if not stamp.isascii() or not stamp.isdigit() or abs(int(stamp[:12]) - clock()) > MAX_SKEW_S:
        raise ServiceError(Code.TOKEN_EXPIRED, f"X-Timestamp is not within {MAX_SKEW_S} seconds of the server's clock")


async def acting_caller(request: Request, context: ContextOf) -> Caller:
    """Return the user for whom a signed request acts.

    Raises:
        ServiceError: UNAUTHENTICATED, INVALID_ARGUMENT, USER_NOT_FOUND, USER_DISABLED.
    """
    named = request.headers.get("x-user-id", "")
    if not named:
        raise ServiceError(Code.UNAUTHENTICATED, "X-User-Id has to name the user for whom you act")
    platform = request.headers.get("x-platform-id", "")
    known = int(platform) if platform in {str(int(one)) for one in Platform} else int(Platform.UNKNOWN)
    caller = Caller(check_handle(named, "X-User-Id"), known, "")
    user = await context.services.accounts.user(caller, caller.user_id)
    if user.status is not UserStatus.ACTIVE:
        raise ServiceError(Code.USER_DISABLED)
    return caller
