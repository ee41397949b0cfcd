"""Tokens: only ours, only of the right kind, only until their end."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import jwt
import pytest

from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import UserId
from resonance.logic.tokens import LEEWAY_MS, Claims, Signer, TokenKind
from tests.unit.logic.clocks import FakeClock

SECRET = b"s" * 32
ISSUER = "resonance-service"
clock = FakeClock()
signer = Signer(SECRET, ISSUER, clock)
access = Claims(UserId("ann"), "d1", 5, TokenKind.ACCESS, "t1", clock.now, clock.now + 60_000)
KEY_ID = jwt.get_unverified_header(signer.sign(access))["kid"]
PAYLOAD = jwt.decode(signer.sign(access), options={"verify_signature": False})


def refusal(token: str, kind: TokenKind = TokenKind.ACCESS, by: Signer = signer) -> Code:
    with pytest.raises(ServiceError) as refused:
        by.verify(token, kind)
    return refused.value.code


def forged(
    claims: dict[str, object] | None = None, secret: bytes = SECRET, algorithm: str = "HS256", kid: str = KEY_ID
) -> str:
    payload = {name: value for name, value in (PAYLOAD | (claims or {})).items() if value is not None}
    return jwt.encode(payload, secret, algorithm=algorithm, headers={"kid": kid})


def test_a_token_says_what_was_signed() -> None:
    assert signer.verify(signer.sign(access), TokenKind.ACCESS) == access


def test_the_helper_forges_a_good_token_when_nothing_is_changed() -> None:
    assert signer.verify(forged(), TokenKind.ACCESS) == access


def test_no_token_is_unauthenticated() -> None:
    assert refusal("") is Code.UNAUTHENTICATED


@pytest.mark.parametrize("garbage", ["x", "a.b.c", "..", "ä.ö.ü", "\ud800", "a" * 5_000, "\x00"])
def test_garbage_is_invalid(garbage: str) -> None:
    assert refusal(garbage) is Code.TOKEN_INVALID


def test_another_secret_is_invalid() -> None:
    assert refusal(forged(secret=b"o" * 32)) is Code.TOKEN_INVALID


def test_another_key_id_is_invalid() -> None:
    assert refusal(forged(kid="0" * 16)) is Code.TOKEN_INVALID


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_is_invalid_even_with_our_secret(algorithm: str) -> None:
    long = Signer(b"s" * 64, ISSUER, clock)
    kid = jwt.get_unverified_header(long.sign(access))["kid"]
    assert refusal(forged(secret=b"s" * 64, algorithm=algorithm, kid=kid), by=long) is Code.TOKEN_INVALID


def test_an_unsigned_token_is_invalid() -> None:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    assert refusal(f"{part({'alg': 'none', 'typ': 'JWT', 'kid': KEY_ID})}.{part(PAYLOAD)}.") is Code.TOKEN_INVALID


def test_a_changed_payload_is_invalid() -> None:
    head, _, signature = signer.sign(access).split(".")
    payload = signer.sign(replace(access, user_id=UserId("bob"))).split(".")[1]
    assert refusal(f"{head}.{payload}.{signature}") is Code.TOKEN_INVALID


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("iss", "somebody"),
        ("aud", "another"),
        ("aud", ["resonance", "another"]),
        ("sub", 7),
        ("did", None),
        ("plt", "5"),
        ("plt", True),
        ("typ", "id"),
        ("jti", None),
        ("exp", "soon"),
        ("exp", None),
        ("iat", None),
        ("iat", 1.5),
    ],
)
def test_a_claim_that_is_missing_or_of_another_form_is_invalid(claim: str, value: object) -> None:
    assert refusal(forged({claim: value})) is Code.TOKEN_INVALID


def test_a_refresh_token_is_no_access_token_and_the_other_way_round() -> None:
    refresh = replace(access, kind=TokenKind.REFRESH)
    assert refusal(signer.sign(refresh), TokenKind.ACCESS) is Code.TOKEN_INVALID
    assert refusal(signer.sign(access), TokenKind.REFRESH) is Code.TOKEN_INVALID


def test_a_token_ends_at_its_time_and_the_leeway() -> None:
    here = FakeClock()
    own = Signer(SECRET, ISSUER, here)
    token = own.sign(access)
    here.now = access.expires_at + LEEWAY_MS - 1
    assert own.verify(token, TokenKind.ACCESS) == access
    here.now += 1
    assert refusal(token, by=own) is Code.TOKEN_EXPIRED


def test_a_clock_that_went_back_refuses_nobody() -> None:
    assert Signer(SECRET, ISSUER, FakeClock(clock.now - 3_600_000)).verify(signer.sign(access), TokenKind.ACCESS)
