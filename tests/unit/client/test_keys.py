"""Keys are UUIDv7 and rise, whatever the clock does."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from resonance.client.keys import Keys


def test_keys_rise_also_when_the_clock_stands_still_or_goes_back() -> None:
    def clock() -> Iterator[int]:
        yield from [1_700_000_000_000_000_000] * 10_000
        yield from range(1_700_000_000_000_000_000, 1_600_000_000_000_000_000, -10_000_000_000_000)

    ticks = clock()
    keys = Keys(lambda: next(ticks))
    made = [keys.next() for _ in range(20_000)]
    assert made == sorted(set(made))
    assert {(uuid.UUID(key).version, uuid.UUID(key).variant) for key in made} == {(7, uuid.RFC_4122)}


def test_a_key_tells_its_time() -> None:
    key = uuid.UUID(Keys(lambda: 1_700_000_000_123_000_000).next())
    assert key.int >> 80 == 1_700_000_000_123
