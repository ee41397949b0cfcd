"""What a member may see of a conversation: the window [min_seq, max_seq], and everything computed from it.

Every read path (history, pull, sync, unread, last message, push) uses these functions and no other arithmetic.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class History(IntEnum):
    """What somebody who joins sees of the time before."""

    FULL = 0
    SINCE_JOIN = 1


class Window(NamedTuple):
    """The seqs that a member may see, both ends included.

    Attributes:
        min_seq: the first visible seq, at least 1.
        max_seq: the last visible seq once the window is closed; None while it is open. It is never 0.
    """

    min_seq: int
    max_seq: int | None


def open_window(history: History, head: int) -> Window:
    """Return the window of somebody who joins when `head` is the conversation's last seq (0 when it is empty)."""
    return Window(1 if history is History.FULL else head + 1, None)


def close_window(window: Window, at: int) -> Window:
    """Return the window closed at the seq of the entry that says so (the member's leave or removal)."""
    return Window(window.min_seq, at)


def visible_end(window: Window, head: int) -> int:
    """Return the last seq the member may see; it is below min_seq when nothing is visible."""
    return head if window.max_seq is None else min(head, window.max_seq)


def sees(window: Window, seq: int) -> bool:
    """Say whether one entry lies in the window."""
    return seq >= window.min_seq and (window.max_seq is None or seq <= window.max_seq)


def clamp(window: Window, begin: int, end: int, head: int) -> range:
    """Return the seqs of [begin, end] that the member may see; empty when none is.

    Args:
        begin: first seq asked for; 0 or less means from the start of the window.
        end: last seq asked for; 0 or less means up to the end of the window.
        head: the conversation's last seq.
    """
    last = visible_end(window, head)
    low = max(begin, window.min_seq, 1)
    high = last if end <= 0 else min(end, last)
    return range(low, max(high + 1, low))


def clamp_read(window: Window, current: int, wanted: int, head: int) -> int:
    """Return where a read pointer stands after a wish to move it: forward only, and never beyond what is visible."""
    return max(current, min(wanted, visible_end(window, head)))


def unread(end_ordinal: int, read_ordinal: int) -> int:
    """Return how many countable messages are unread.

    Args:
        end_ordinal: the conversation's ordinal at the visible end.
        read_ordinal: the ordinal at max(read_seq, min_seq - 1).
    """
    return max(0, end_ordinal - read_ordinal)
