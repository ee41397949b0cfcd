"""Timelines bound what they hold; mirrors forget only at the first page of a full sync."""

from __future__ import annotations

from resonance.domain.ids import UserId
from resonance.domain.model import Entry, EntryPage, Friend, SyncPage
from resonance.protocol.merge import MAX_HELD, Mirror, Timeline


def entry(seq: int) -> Entry:
    return Entry("sg_a", seq, seq, "peer", f"k{seq}", 1, "text", "", seq, seq)


def page(begin: int, last: int, end: int, first: int = 1) -> EntryPage:
    return EntryPage([entry(seq) for seq in range(begin, last + 1)], first, end)


def test_repeated_pushes_take_no_room() -> None:
    timeline = Timeline(0)
    assert list(timeline.offer(entry(1))) == [entry(1)]
    for _ in range(MAX_HELD + 1):
        assert list(timeline.offer(entry(1))) == []
    assert list(timeline.offer(entry(3))) == []
    assert list(timeline.offer(entry(2))) == [entry(2), entry(3)]


def test_what_is_too_much_to_hold_is_pulled() -> None:
    timeline = Timeline(0)
    end = MAX_HELD + 10
    for seq in range(2, end + 1):
        assert list(timeline.offer(entry(seq))) == []
    assert timeline.ask() == 1
    released = list(timeline.pulled(page(1, 1, end)))
    assert [one.seq for one in released] == list(range(1, MAX_HELD + 2))
    assert timeline.ask() == MAX_HELD + 2
    released = list(timeline.pulled(page(MAX_HELD + 2, end, end)))
    assert released[-1].seq == end
    assert not timeline.behind


def test_a_window_that_opens_later_is_begun_at_its_start() -> None:
    timeline = Timeline(2)
    timeline.learn(9)
    assert timeline.ask() == 3
    assert [one.seq for one in timeline.pulled(page(7, 9, 9, first=7))] == [7, 8, 9]


def test_what_came_during_a_pull_is_not_judged_by_it() -> None:
    timeline = Timeline(0)
    timeline.learn(2)
    assert timeline.ask() == 1
    assert list(timeline.offer(entry(3))) == []
    assert list(timeline.pulled(EntryPage([], 1, 0))) == []
    assert timeline.ask() == 1
    assert [one.seq for one in timeline.pulled(page(1, 3, 3))] == [1, 2, 3]


def sync(*friends: str, full: bool) -> SyncPage:
    rows = [
        Friend(UserId("me"), UserId(name), is_friend=True, blocked=False, remark="", updated_at=1) for name in friends
    ]
    return SyncPage(full, [], rows, [], [], "token", more=False)


def test_a_full_sync_replaces_what_was_there_with_all_its_pages() -> None:
    mirror = Mirror()
    mirror.merge(sync("old", full=True), first=True)
    mirror.merge(sync("ann", full=True), first=True)
    mirror.merge(sync("bob", full=True), first=False)
    assert set(mirror.friends) == {"ann", "bob"}
    mirror.merge(sync("cat", full=False), first=True)
    mirror.merge(sync("cat", full=False), first=True)
    assert set(mirror.friends) == {"ann", "bob", "cat"}


def test_a_pull_tells_that_there_is_more() -> None:
    timeline = Timeline(0)
    timeline.learn(2)
    assert timeline.ask() == 1
    assert [one.seq for one in timeline.pulled(page(1, 2, 5))] == [1, 2]
    assert timeline.ask() == 3
