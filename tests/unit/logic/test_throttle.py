"""Throttles: so many attempts in a window, by account and by network."""

from __future__ import annotations

import pytest

from resonance.domain.errors import Code, ServiceError
from resonance.engines.memory.counters import MemoryCounters
from resonance.logic.throttle import LoginThrottle, Throttle, address_key
from tests.unit.logic.clocks import FakeClock

WINDOW_MS = 300_000


def throttled(limit: int, clock: FakeClock) -> Throttle:
    """Return a throttle with counters of its own."""
    return Throttle(MemoryCounters(clock), "kind", lambda: limit, WINDOW_MS)


async def refused(throttle: Throttle, key: str) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await throttle.enter(key)
    assert caught.value.code is Code.RATE_LIMITED
    return caught.value


async def test_the_limit_holds_until_the_window_ends() -> None:
    clock = FakeClock()
    throttle = throttled(3, clock)
    for _ in range(3):
        await throttle.enter("ann")
    clock.advance(100)
    assert (await refused(throttle, "ann")).retry_after_ms == 200_000
    clock.advance(199.999)
    assert (await refused(throttle, "ann")).retry_after_ms == 1
    clock.advance(0.001)
    await throttle.enter("ann")


async def test_a_refused_attempt_does_not_prolong_the_window() -> None:
    clock = FakeClock()
    throttle = throttled(1, clock)
    await throttle.enter("ann")
    for _ in range(100):
        await refused(throttle, "ann")
    clock.advance(300)
    await throttle.enter("ann")


async def test_keys_do_not_share() -> None:
    throttle = throttled(1, FakeClock())
    await throttle.enter("ann")
    await throttle.enter("bob")
    await refused(throttle, "ann")


async def test_taken_back_attempts_and_reset_keys_do_not_count() -> None:
    throttle = throttled(2, FakeClock())
    await throttle.enter("ann")
    await throttle.enter("ann")
    await throttle.take_back("ann")
    await throttle.enter("ann")
    await refused(throttle, "ann")
    await throttle.reset("ann")
    await throttle.enter("ann")


async def test_taking_back_what_was_never_counted_gives_no_credit() -> None:
    throttle = throttled(1, FakeClock())
    await throttle.take_back("ann")
    await throttle.enter("ann")
    await refused(throttle, "ann")


def logins(clock: FakeClock) -> LoginThrottle:
    return LoginThrottle(throttled(2, clock), throttled(5, clock))


async def test_an_account_is_throttled_from_everywhere() -> None:
    throttle = logins(FakeClock())
    await throttle.enter("ann", "10.0.0.1")
    await throttle.enter("ann", "10.0.0.2")
    with pytest.raises(ServiceError):
        await throttle.enter("ann", "10.0.0.3")
    await throttle.enter("bob", "10.0.0.3")


async def test_an_address_is_throttled_for_every_account() -> None:
    throttle = logins(FakeClock())
    for n in range(5):
        await throttle.enter(f"user{n}", "10.0.0.1")
    with pytest.raises(ServiceError):
        await throttle.enter("ann", "10.0.0.1")
    await throttle.enter("ann", "10.0.0.2")


async def test_a_success_forgets_the_accounts_failures_and_keeps_the_addresses() -> None:
    throttle = logins(FakeClock())
    await throttle.enter("ann", "10.0.0.1")
    await throttle.enter("ann", "10.0.0.1")
    await throttle.succeeded("ann", "10.0.0.1")
    for user in ("ann", "ann", "bob", "cleo"):
        await throttle.enter(user, "10.0.0.1")
    with pytest.raises(ServiceError):
        await throttle.enter("dora", "10.0.0.1")


async def test_a_throttled_account_costs_its_address_nothing() -> None:
    throttle = logins(FakeClock())
    await throttle.enter("ann", "10.0.0.9")
    await throttle.enter("ann", "10.0.0.9")
    for _ in range(50):
        with pytest.raises(ServiceError):
            await throttle.enter("ann", "10.0.0.1")
    for n in range(5):
        await throttle.enter(f"user{n}", "10.0.0.1")


async def test_an_aborted_attempt_does_not_count() -> None:
    throttle = logins(FakeClock())
    for _ in range(20):
        await throttle.enter("ann", "10.0.0.1")
        await throttle.aborted("ann", "10.0.0.1")
    await throttle.enter("ann", "10.0.0.1")


async def test_callers_without_an_address_share_none() -> None:
    throttle = logins(FakeClock())
    for n in range(50):
        await throttle.enter(f"user{n}", "")


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
