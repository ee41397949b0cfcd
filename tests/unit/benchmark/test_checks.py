"""The checks of a run find what they are there for."""

from __future__ import annotations

import pytest

from resonance.cli.benchmark.checks import LIMIT, Faults, check_pair
from resonance.cli.benchmark.report import percentiles

GOOD = ([1, 3, 4], [2, 5])


def faults_of(acked: tuple[list[int], list[int]], pushed: tuple[list[int], list[int]]) -> list[str]:
    faults = Faults()
    check_pair(faults, "si_a_b", acked, pushed)
    return faults.texts


def test_everything_once_and_in_order_is_good() -> None:
    assert faults_of(GOOD, (GOOD[1], GOOD[0])) == []


@pytest.mark.parametrize(
    ("acked", "pushed", "word"),
    [
        (GOOD, ([2, 5], [1, 4]), "1 not delivered"),
        (GOOD, ([2, 5], [1, 3, 3, 4]), "1 twice"),
        (GOOD, ([2, 5], [1, 4, 3]), "out of order"),
        (GOOD, ([2, 5, 6], [1, 3, 4]), "1 without an ack"),
        (([1, 3, 0], [2, 4]), ([2, 4], [1, 3]), "1 messages have no ack"),
        (([1, 3, 5], [2]), ([2], [1, 3, 5]), "holes or doubles"),
        (([1, 2], [2]), ([2], [1, 2]), "holes or doubles"),
    ],
)
def test_a_fault_is_found(acked: tuple[list[int], list[int]], pushed: tuple[list[int], list[int]], word: str) -> None:
    assert any(word in text for text in faults_of(acked, pushed))


def test_many_faults_are_counted_and_few_told() -> None:
    faults = Faults()
    for number in range(LIMIT + 5):
        faults.add(str(number))
    assert (faults.count, len(faults.texts)) == (LIMIT + 5, LIMIT)


def test_percentiles_are_of_the_sorted_values() -> None:
    assert percentiles([float(value) for value in range(1000, 0, -1)]) == (501.0, 991.0, 1000.0)
    assert percentiles([]) is None
