"""Tokens: JWTs (RFC 7519) signed with HMAC-SHA-256, pinned to algorithm, key, issuer and audience.

A token says who (`sub`), from which device (`did`, `plt`), what for (`typ`: access or refresh), until when (`exp`), and
of which dialect the client is that it was given to (`dia`; left out for native ones). Whether the device's tokens are
still good is not in it: the store knows.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum

import jwt

from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import UserId
from resonance.logic.seams import Clock

ALGORITHM = "HS256"
AUDIENCE = "resonance"
LEEWAY_MS = 5_000
"""How long a token is taken after its end: the clocks of machines that sign and that check may differ by this much.
Only `exp` is checked against the clock; a token "of the future" is one of our own from a clock ahead of ours."""
MAX_TOKEN = 4_096

_CLAIMS = ("sub", "did", "plt", "typ", "jti", "iat", "exp", "iss", "aud")


class TokenKind(StrEnum):
    """What a token is good for."""

    ACCESS = "access"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. Times are ms, though the token itself holds whole seconds."""

    user_id: UserId
    device_id: str
    platform: int
    kind: TokenKind
    token_id: str
    issued_at: int
    expires_at: int
    dialect: str = ""


class Signer:
    """Signs and checks tokens with one secret."""

    def __init__(self, secret: bytes, issuer: str, clock: Clock) -> None:
        self._secret = secret
        self._issuer = issuer
        self._clock = clock
        self._key_id = hmac.new(secret, b"resonance key id", hashlib.sha256).hexdigest()[:16]

    def sign(self, claims: Claims) -> str:
        """Return the token that says this."""
        payload = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": claims.user_id,
            "did": claims.device_id,
            "plt": claims.platform,
            "typ": claims.kind.value,
            "jti": claims.token_id,
            "iat": claims.issued_at // 1000,
            "exp": claims.expires_at // 1000,
        }
        if claims.dialect:
            payload["dia"] = claims.dialect
        return jwt.encode(payload, self._secret, algorithm=ALGORITHM, headers={"kid": self._key_id})

    def verify(self, token: str, kind: TokenKind) -> Claims:
        """Return what a token of this kind says.

        Raises:
            ServiceError: UNAUTHENTICATED ("" given); TOKEN_INVALID (not ours, or of the other kind); TOKEN_EXPIRED.
        """
        if not token:
            raise ServiceError(Code.UNAUTHENTICATED)
        claims = self._decode(token)
        if claims.kind is not kind:
            raise ServiceError(Code.TOKEN_INVALID, f"a token of type {kind} is needed, not {claims.kind}")
        if claims.expires_at + LEEWAY_MS <= self._clock():
            raise ServiceError(Code.TOKEN_EXPIRED)
        return claims

    def _decode(self, token: str) -> Claims:
        """Check everything but the time: the signature (compared in constant time by PyJWT), key, issuer, audience."""
        if len(token) > MAX_TOKEN:
            raise ServiceError(Code.TOKEN_INVALID)
        try:
            decoded = jwt.decode_complete(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=AUDIENCE,
                options={"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False, "strict_aud": True},
            )
            if decoded["header"].get("kid") != self._key_id:
                raise ServiceError(Code.TOKEN_INVALID)
            return _claims(decoded["payload"])
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise ServiceError(Code.TOKEN_INVALID) from error


def _claims(payload: dict[str, object]) -> Claims:
    """Read claims strictly.

    Raises:
        ValueError, TypeError: a claim is of another type than ours have.
    """
    return Claims(
        user_id=UserId(_text(payload["sub"])),
        device_id=_text(payload["did"]),
        platform=_number(payload["plt"]),
        kind=TokenKind(_text(payload["typ"])),
        token_id=_text(payload["jti"]),
        issued_at=_number(payload["iat"]) * 1000,
        expires_at=_number(payload["exp"]) * 1000,
        dialect=_text(payload.get("dia", "")),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a claim is no text")
    return value


def _number(value: object) -> int:
    if type(value) is not int:
        raise TypeError("a claim is no number")
    return value
