"""Fan-out takes what logic does not push: system entries and large conversations."""

from __future__ import annotations

from resonance.domain.events import EntriesAppended, Event, encode
from resonance.domain.model import SMALL_CONVERSATION
from resonance.task.processors.fanout import merge


def appended(first: int, last: int, *, version: int = 1, members: int = 3, system: bool = False) -> Event:
    """Return an event of the conversation c."""
    payload = EntriesAppended("c", first, last, version, members, system)
    return Event(last, "c", EntriesAppended.kind, encode(payload), 0)


def test_successive_ranges_of_one_version_become_one() -> None:
    merged = merge([appended(1, 2), appended(3, 3), appended(4, 6, version=2)])
    assert [(one.first_seq, one.last_seq) for one in merged] == [(1, 3), (4, 6)]


def test_a_system_entry_is_not_joined_with_messages_that_logic_pushes() -> None:
    merged = merge([appended(1, 1), appended(2, 2, system=True), appended(3, 3)])
    assert [(one.first_seq, one.last_seq, one.by_task) for one in merged] == [(1, 3, False), (2, 2, True)]


def test_who_pushes_what() -> None:
    small, large = SMALL_CONVERSATION, SMALL_CONVERSATION + 1
    assert not EntriesAppended("c", 1, 1, 1, small).by_task
    assert EntriesAppended("c", 1, 1, 1, large).by_task
    assert EntriesAppended("c", 1, 1, 1, 0).by_task  # an open conversation
    assert EntriesAppended("c", 1, 1, 1, small, system=True).by_task
