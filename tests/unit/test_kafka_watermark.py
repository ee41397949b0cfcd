"""Up to where a consumer is done, when its events are in partitions."""

from __future__ import annotations

import pytest

pytest.importorskip("confluent_kafka")

from resonance.engines.kafka.cluster import Done
from resonance.engines.kafka.records import Place
from resonance.engines.kafka.watermark import low_watermark


def done(offset: int, position: int, epoch: str = "e") -> Done:
    return Done(offset, Place(epoch, position))


@pytest.mark.parametrize(
    ("ends", "found", "expected"),
    [
        ({0: 5, 1: 5}, {0: done(5, 90), 1: done(5, 100)}, 100),  # nothing waits anywhere
        ({0: 5, 1: 5}, {0: done(3, 60), 1: done(5, 100)}, 60),  # something waits behind position 60
        ({0: 5, 1: 5}, {0: done(3, 60), 1: done(2, 40)}, 40),
        ({0: 0, 1: 5}, {0: done(0, 0, ""), 1: done(5, 100)}, 100),  # nothing was ever written to a partition
        ({0: 1, 1: 5}, {0: done(0, 0, ""), 1: done(5, 100)}, 0),  # one that nobody looked at yet
        ({0: 5, 1: 5}, {0: done(3, 900, "old"), 1: done(5, 100)}, 0),  # positions of another epoch say nothing
        ({0: 9}, {0: done(3, 170)}, 100),  # done already, and not known to be published
    ],
)
def test_the_least_of_what_waits(ends: dict[int, int], found: dict[int, Done], expected: int) -> None:
    assert low_watermark(100, "e", ends, found) == expected


@pytest.mark.parametrize("text", [None, "", "x", "e:", "e:x", ":"])
def test_a_place_that_is_none_is_the_beginning(text: str | None) -> None:
    assert Place.parse(text) == Place("", 0)


def test_a_place_survives_as_text() -> None:
    assert Place.parse(str(Place("3f", 12))) == Place("3f", 12)
