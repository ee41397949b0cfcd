"""What must hold of every run: nothing lost, nothing twice, nothing out of order."""

from __future__ import annotations

from collections.abc import Sequence

LIMIT = 10
"""Faults that are told in words; the rest is only counted."""


class Faults:
    """What went wrong in a run."""

    def __init__(self) -> None:
        self.count = 0
        self.texts: list[str] = []

    def add(self, text: str) -> None:
        """Count a fault."""
        self.count += 1
        if len(self.texts) < LIMIT:
            self.texts.append(text)


def check_pair(
    faults: Faults, name: str, acked: tuple[Sequence[int], Sequence[int]], pushed: tuple[Sequence[int], Sequence[int]]
) -> None:
    """Check one conversation of two.

    Args:
        acked: for each side, the seq of each of its messages in the order of sending, 0 for one without an ack.
        pushed: for each side, the seqs that were pushed to it, in the order of arrival.
    """
    for side in (0, 1):
        unanswered = acked[side].count(0)
        if unanswered:
            faults.add(f"{name}: {unanswered} messages have no ack")
        if list(pushed[1 - side]) != list(acked[side]):
            faults.add(f"{name}: {difference(acked[side], pushed[1 - side])}")
    seqs = sorted([*acked[0], *acked[1]])
    if seqs and seqs != list(range(seqs[0], seqs[0] + len(seqs))):
        faults.add(f"{name}: the seqs of the acks have holes or doubles")


def difference(acked: Sequence[int], pushed: Sequence[int]) -> str:
    """Say how what was pushed to a peer differs from what was acked to the sender."""
    lost = len(set(acked) - set(pushed))
    doubled = len(pushed) - len(set(pushed))
    foreign = len(set(pushed) - set(acked))
    return f"of {len(acked)} acked {lost} not delivered, {doubled} twice, {foreign} without an ack, or out of order"
