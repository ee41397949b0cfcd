"""Passwords: right, wrong, unknown, outdated, and never on the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from argon2.exceptions import VerifyMismatchError
from argon2.low_level import Type, verify_secret
from hypothesis import given
from hypothesis import strategies as st

from resonance.config.settings import AccountsConfig
from resonance.domain.errors import Code, ServiceError
from resonance.logic import passwords as module
from resonance.logic.passwords import Passwords, Verdict, check_hash

CHEAP = AccountsConfig(hash_memory_kib=8, hash_time=1, hash_workers=1)


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    made = Passwords(CHEAP)
    yield made
    made.close()
    await made.join()


async def test_the_right_password_is_right_and_another_one_wrong(passwords: Passwords) -> None:
    stored = await passwords.hash(passwords.check_new("correct horse"))
    assert stored.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert await passwords.verify("correct horse", stored) == Verdict(True)
    assert await passwords.verify("correct horse ", stored) == Verdict(False)


async def test_two_hashes_of_one_password_differ(passwords: Passwords) -> None:
    assert await passwords.hash("correct horse") != await passwords.hash("correct horse")


async def test_no_password_is_right_for_somebody_without_one(passwords: Passwords) -> None:
    assert await passwords.verify("", "") == Verdict(False)
    assert await passwords.verify("anything", "") == Verdict(False)


async def test_an_unknown_user_costs_a_hash_too(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    verify = passwords._hasher.verify

    def spy(password: str, stored: str) -> bool:
        compared.append(stored)
        return verify(password, stored)

    monkeypatch.setattr(passwords._hasher, "verify", spy)
    await passwords.verify("anything", "")
    assert len(compared) == 1
    assert compared[0].startswith("$argon2id$v=19$m=8,t=1,p=1$")


async def test_a_hash_of_another_cost_gets_a_replacement(passwords: Passwords) -> None:
    dearer = Passwords(CHEAP.model_copy(update={"hash_time": 2}))
    stored = await passwords.hash("correct horse")
    verdict = await dearer.verify("correct horse", stored)
    assert verdict.right
    assert "t=2" in verdict.replacement
    assert await dearer.verify("correct horse", verdict.replacement) == Verdict(True)
    assert await dearer.verify("wrong horse", stored) == Verdict(False)
    dearer.close()


async def test_one_password_from_two_keyboards_is_one(passwords: Passwords) -> None:
    stored = await passwords.hash(passwords.check_new("Jose\u0301 123"))
    assert (await passwords.verify("José 123", stored)).right


@pytest.mark.parametrize("bad", ["", "12345", "x" * 257, "x" * 100_000, "\ud800" * 8])
def test_what_nobody_may_choose_is_refused_by_name(bad: str) -> None:
    with pytest.raises(ServiceError) as refused:
        Passwords(CHEAP).check_new(bad, "new")
    assert (refused.value.code, refused.value.field) == (Code.INVALID_ARGUMENT, "new")


@pytest.mark.parametrize("good", ["123456", "密码密码密码", "x" * 256, "🔑" * 6])
def test_length_counts_characters(good: str) -> None:
    assert Passwords(CHEAP).check_new(good) == good


async def test_a_password_longer_than_today_is_allowed_still_logs_in(passwords: Passwords) -> None:
    strict = Passwords(CHEAP.model_copy(update={"password_max": 8}))
    stored = await passwords.hash("a long old password")
    assert (await strict.verify("a long old password", stored)).right
    strict.close()


async def test_a_huge_password_is_refused_before_it_is_hashed(passwords: Passwords) -> None:
    with pytest.raises(ServiceError) as refused:
        await passwords.verify("x" * 1_000_000, "")
    assert refused.value.code is Code.INVALID_ARGUMENT


async def test_hashes_wait_for_a_thread_and_too_many_are_refused(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, threads = threading.Event(), set[str]()

    def slow(password: str) -> str:
        threads.add(threading.current_thread().name)
        gate.wait()
        return password

    monkeypatch.setattr(module, "MAX_WAITING", 3)
    monkeypatch.setattr(passwords._hasher, "hash", slow)
    waiting = [asyncio.ensure_future(passwords.hash(str(n))) for n in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(ServiceError) as refused:
        await passwords.hash("one too many")
    assert refused.value.code is Code.BUSY
    assert refused.value.retry_after_ms > 0
    gate.set()
    assert await asyncio.gather(*waiting) == ["0", "1", "2"]
    assert len(threads) == 1
    assert threading.current_thread().name not in threads
    assert await passwords.hash("again") == "again"


async def test_a_caller_that_left_frees_its_place(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    monkeypatch.setattr(passwords._hasher, "hash", lambda password: (gate.wait(), password)[1])
    first = asyncio.ensure_future(passwords.hash("first"))
    left = asyncio.ensure_future(passwords.hash("left"))
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.wait([left])
    third = asyncio.ensure_future(passwords.hash("third"))
    gate.set()
    assert (await first, await third) == ("first", "third")


SALT, DIGEST = "c2FsdHNhbHRzYWx0", "aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"


async def test_a_hash_made_elsewhere_is_kept_as_it_is(passwords: Passwords) -> None:
    theirs = Passwords(CHEAP.model_copy(update={"hash_time": 3, "hash_memory_kib": 64}))
    brought = check_hash(await theirs.hash("correct horse"))
    verdict = await passwords.verify("correct horse", brought)
    assert verdict.right
    assert "m=8,t=1" in verdict.replacement, "the first login makes it one of ours"
    assert not (await passwords.verify("correct mule", brought)).right
    theirs.close()
    await theirs.join()


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "correct horse",
        "$2b$12$abcdefghijklmnopqrstuv1234567890123456789012345678901",
        f"$argon2i$v=19$m=64,t=3,p=1${SALT}${DIGEST}",
        f"$argon2id$v=16$m=64,t=3,p=1${SALT}${DIGEST}",
        f"$argon2id$v=19$m=64,t=3,p=1${SALT}",
        f"$argon2id$v=19$m=64,t=3,p=1${SALT}${DIGEST}\n",
        f"$argon2id$v=19$m=64,t=3,p=1${SALT}${DIGEST}aa",  # no base64: 45 characters
        f"$argon2id$v=19$m=64,t=0,p=1${SALT}${DIGEST}",
        f"$argon2id$v=19$m=64,t=3,p=0${SALT}${DIGEST}",
        f"$argon2id$v=19$m=64,t=3,p=9${SALT}${DIGEST}",  # fewer than 8 KiB per lane
        f"$argon2id$v=19$m=1048577,t=1,p=1${SALT}${DIGEST}",
        f"$argon2id$v=19$m=65536,t=17,p=1${SALT}${DIGEST}",
        f"$argon2id$v=19$m=٦٤,t=3,p=1${SALT}${DIGEST}",
        f"$argon2id$v=19$m=064,t=3,p=1${SALT}${DIGEST}",
        f"$argon2id$v=19$m=64,t=03,p=1${SALT}${DIGEST}",
        f"$argon2id$v=19$m=64,t=3,p=01${SALT}${DIGEST}",
        f"$argon2id$v=19$m=64,t=3,p=1$c2FsdHNhbHR${DIGEST}",  # bits left over
        f"$argon2id$v=19$m=64,t=3,p=1${SALT}${DIGEST[:-1]}h",
    ],
)
def test_other_hashes_are_not_stored(bad: str) -> None:
    with pytest.raises(ServiceError) as refused:
        check_hash(bad)
    assert (refused.value.code, refused.value.field) == (Code.INVALID_ARGUMENT, "password_hash")
    assert "correct horse" not in refused.value.message


_BASE64 = st.text("ABCDghijQRSTwxyz0189+/", min_size=11, max_size=64)
_NUMBER = st.from_regex(r"0?[1-9]?\d", fullmatch=True)


@given(memory=_NUMBER, passes=st.sampled_from(["1", "2", "01", "0"]), salt=_BASE64, digest=_BASE64)
def test_what_is_stored_can_be_compared(memory: str, passes: str, salt: str, digest: str) -> None:
    """argon2 decodes it: the password is wrong, and that is all."""
    hashed = f"$argon2id$v=19$m={memory},t={passes},p=1${salt}${digest}"
    try:
        check_hash(hashed)
    except ServiceError:
        return
    with pytest.raises(VerifyMismatchError):
        verify_secret(hashed.encode(), b"correct horse", Type.ID)
