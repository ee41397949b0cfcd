"""Token buckets, against a clock that stands still until it is told to go on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonance.domain.errors import Code, ServiceError
from resonance.domain.limits import BURST_SECONDS, TokenBuckets


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_allows_a_burst_and_then_the_rate() -> None:
    clock = Clock()
    buckets = TokenBuckets(lambda: 2, clock)
    assert [buckets.wait("a") for _ in range(20)] == [0] * 20
    assert buckets.wait("a") == pytest.approx(0.5)
    assert buckets.wait("b") == 0
    clock.now += 0.5
    assert buckets.wait("a") == 0
    assert buckets.wait("a") == pytest.approx(0.5)
    clock.now += 100
    assert [buckets.wait("a") for _ in range(20)] == [0] * 20
    assert buckets.wait("a") > 0


def test_a_slow_bucket_still_allows_one() -> None:
    buckets = TokenBuckets(lambda: 0.01, Clock())
    assert buckets.wait("a") == 0
    assert buckets.wait("a") == pytest.approx(100)


def test_the_key_used_longest_ago_makes_room() -> None:
    buckets = TokenBuckets(lambda: 0.1, Clock(), limit=2)
    assert [buckets.wait(key) for key in ("a", "b")] == [0, 0]
    assert buckets.wait("a") > 0
    assert buckets.wait("c") == 0  # b goes
    assert buckets.wait("a") > 0
    assert buckets.wait("b") == 0


def test_what_others_are_told_is_bounded() -> None:
    buckets = TokenBuckets(lambda: 1, Clock(), limit=2)
    buckets.share()
    for key in ("a", "b", "c", "a"):
        buckets.wait(key)
    assert buckets.given() == {"a": 2, "b": 1}
    buckets.wait("c")
    assert buckets.given() == {"c": 1}


def test_a_refusal_says_when_to_come_back() -> None:
    clock = Clock()
    buckets = TokenBuckets(lambda: 0.1, clock)
    buckets.take("a", "messages")
    with pytest.raises(ServiceError, match=r"too many messages: 0\.1 per second") as refused:
        buckets.take("a", "messages")
    assert refused.value.code is Code.RATE_LIMITED
    clock.now += refused.value.retry_after_ms / 1000
    buckets.take("a", "messages")


def test_a_rate_may_change() -> None:
    clock, rate = Clock(), [0.01]
    buckets = TokenBuckets(lambda: rate[0], clock)
    assert buckets.wait("a") == 0
    assert buckets.wait("a") == pytest.approx(100)
    rate[0] = 2
    assert buckets.wait("a") == pytest.approx(0.5), "as empty as a bucket of the new rate can be, and no emptier"
    rate[0] = 0
    assert [buckets.wait("a") for _ in range(100)] == [0] * 100, "0 is no limit"
    rate[0] = 1
    clock.now += 10
    assert [buckets.wait("a") for _ in range(10)] == [0] * 10
    assert buckets.wait("a") == pytest.approx(1)


@given(rate=st.floats(0.01, 1e4), pauses=st.lists(st.floats(0, 30), max_size=60))
def test_no_time_sees_more_than_its_rate_and_one_burst(rate: float, pauses: list[float]) -> None:
    clock = Clock()
    buckets = TokenBuckets(lambda: rate, clock)
    allowed = 0
    for pause in pauses:
        clock.now += pause
        wait = buckets.wait("a")
        allowed += wait == 0
        assert wait <= 1 / rate + 1e-6
        if wait:
            clock.now += wait + 1e-6
            assert buckets.wait("a") == 0
            allowed += 1
    assert allowed <= max(1.0, rate * BURST_SECONDS) + (clock.now - 1_000) * rate + 1e-6
