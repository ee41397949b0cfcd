"""Throttles: so many attempts in a window, by account and by network."""

from __future__ import annotations

import pytest

from resonance.domain.errors import Code, ServiceError
from resonance.logic.throttle import LoginThrottle, Throttle, address_key
from tests.unit.logic.clocks import FakeClock

WINDOW_MS = 300_000


def refused(throttle: Throttle, key: str) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        throttle.enter(key)
    assert caught.value.code is Code.RATE_LIMITED
    return caught.value


def test_the_limit_holds_until_the_window_ends() -> None:
    clock = FakeClock()
    throttle = Throttle(lambda: 3, WINDOW_MS, clock)
    for _ in range(3):
        throttle.enter("ann")
    clock.advance(100)
    assert refused(throttle, "ann").retry_after_ms == 200_000
    clock.advance(199.999)
    assert refused(throttle, "ann").retry_after_ms == 1
    clock.advance(0.001)
    throttle.enter("ann")


def test_a_refused_attempt_does_not_prolong_the_window() -> None:
    clock = FakeClock()
    throttle = Throttle(lambda: 1, WINDOW_MS, clock)
    throttle.enter("ann")
    for _ in range(100):
        refused(throttle, "ann")
    clock.advance(300)
    throttle.enter("ann")


def test_keys_do_not_share() -> None:
    throttle = Throttle(lambda: 1, WINDOW_MS, FakeClock())
    throttle.enter("ann")
    throttle.enter("bob")
    refused(throttle, "ann")


def test_taken_back_attempts_and_reset_keys_do_not_count() -> None:
    throttle = Throttle(lambda: 2, WINDOW_MS, FakeClock())
    throttle.enter("ann")
    throttle.enter("ann")
    throttle.take_back("ann")
    throttle.enter("ann")
    refused(throttle, "ann")
    throttle.reset("ann")
    throttle.enter("ann")


def test_taking_back_what_was_never_counted_gives_no_credit() -> None:
    throttle = Throttle(lambda: 1, WINDOW_MS, FakeClock())
    throttle.take_back("ann")
    throttle.enter("ann")
    refused(throttle, "ann")


def test_memory_is_bounded_and_the_oldest_is_forgotten() -> None:
    throttle = Throttle(lambda: 1, WINDOW_MS, FakeClock(), capacity=2)
    for key in ("ann", "bob", "cleo"):
        throttle.enter(key)
    assert len(throttle._counts) == 2
    refused(throttle, "bob")
    refused(throttle, "cleo")
    throttle.enter("ann")


def logins(clock: FakeClock) -> LoginThrottle:
    return LoginThrottle(Throttle(lambda: 2, WINDOW_MS, clock), Throttle(lambda: 5, WINDOW_MS, clock))


def test_an_account_is_throttled_from_everywhere() -> None:
    throttle = logins(FakeClock())
    throttle.enter("ann", "10.0.0.1")
    throttle.enter("ann", "10.0.0.2")
    with pytest.raises(ServiceError):
        throttle.enter("ann", "10.0.0.3")
    throttle.enter("bob", "10.0.0.3")


def test_an_address_is_throttled_for_every_account() -> None:
    throttle = logins(FakeClock())
    for n in range(5):
        throttle.enter(f"user{n}", "10.0.0.1")
    with pytest.raises(ServiceError):
        throttle.enter("ann", "10.0.0.1")
    throttle.enter("ann", "10.0.0.2")


def test_a_success_forgets_the_accounts_failures_and_keeps_the_addresses() -> None:
    throttle = logins(FakeClock())
    throttle.enter("ann", "10.0.0.1")
    throttle.enter("ann", "10.0.0.1")
    throttle.succeeded("ann", "10.0.0.1")
    for user in ("ann", "ann", "bob", "cleo"):
        throttle.enter(user, "10.0.0.1")
    with pytest.raises(ServiceError):
        throttle.enter("dora", "10.0.0.1")


def test_a_throttled_account_costs_its_address_nothing() -> None:
    throttle = logins(FakeClock())
    throttle.enter("ann", "10.0.0.9")
    throttle.enter("ann", "10.0.0.9")
    for _ in range(50):
        with pytest.raises(ServiceError):
            throttle.enter("ann", "10.0.0.1")
    for n in range(5):
        throttle.enter(f"user{n}", "10.0.0.1")


def test_an_aborted_attempt_does_not_count() -> None:
    throttle = logins(FakeClock())
    for _ in range(20):
        throttle.enter("ann", "10.0.0.1")
        throttle.aborted("ann", "10.0.0.1")
    throttle.enter("ann", "10.0.0.1")


def test_callers_without_an_address_share_none() -> None:
    throttle = logins(FakeClock())
    for n in range(50):
        throttle.enter(f"user{n}", "")


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("unix", "unix"),
        ("", ""),
    ],
)
def test_one_customer_is_one_key(address: str, key: str) -> None:
    assert address_key(address) == key
