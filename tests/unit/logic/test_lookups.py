"""Copies between users and a real store: they show what the store shows, and never more than the caller may see."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resonance.config.engines import StoreConfig
from resonance.domain.errors import Code
from resonance.domain.ids import ConversationId, UserId
from resonance.domain.model import Caller, Entry, EntryPage, NewEntry, NewGroup, User, UserChanges, UserStatus
from resonance.domain.windows import History
from resonance.engines.memory.cache import MemoryCache
from resonance.engines.sqlite.store import SqliteStore
from resonance.logic.lookups import CachedLookups, Lookups
from resonance.observe import metrics
from tests.unit.logic.conftest import World, Worlds
from tests.unit.logic.refusals import refused

GROUP = ConversationId("sg_g")
PATIENCE_S = 20


def hits(what: str) -> float:
    """Return how often the cache had everything."""
    return float(metrics.logic_copies.labels(what, "hit")._value.get())


async def until(reached: Callable[[], bool]) -> None:
    """Wait until tasks of the loop have come to something."""
    async with asyncio.timeout(PATIENCE_S):
        while not reached():  # noqa: ASYNC110
            await asyncio.sleep(0)


class Copied:
    """A group of ann and bob with entries 1 to 10, cleo in since the entry that says so, and copies of it all."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cache = MemoryCache(60, 60)
        self.lookups = CachedLookups(world.store, self.cache, 60)
        self.callers: list[Caller] = []
        self.head = 1

    async def begin(self) -> None:
        self.callers = await self.world.people("ann", "bob", "cleo", "eve")
        group = NewGroup("Group", group_id="g", members=("bob",), history=History.SINCE_JOIN)
        await self.world.conversations.create_group(self.callers[0], group)
        await self.say(9)
        await self.world.conversations.join(self.callers[2], GROUP, "")
        self.head += 1
        await self.say(3)
        await self.lookups.start()

    async def say(self, count: int) -> list[Entry]:
        """Append messages of ann's; return them."""
        [state] = await self.world.store.states([GROUP], [])
        version, first = state.conversation.version, self.head + 1
        self.head += count
        seqs = range(first, self.head + 1)
        new = [NewEntry(GROUP, version, 1000 + n, "ann", f"k{n}", b"h" * 16, 1, f"text {n}", "") for n in seqs]
        await self.world.store.append(new)
        return await self.world.store.entries(GROUP, first, self.head)

    async def page(self, user_id: str, begin: int, end: int, limit: int, newest: bool) -> EntryPage:
        """Return a page, which has to be what the store says."""
        page = await self.lookups.read_entries(user_id, GROUP, begin, end, limit, newest=newest)
        assert page == await self.world.store.read_entries(user_id, GROUP, begin, end, limit, newest=newest)
        return page


@pytest.fixture
async def copied(world: World) -> AsyncIterator[Copied]:
    made = Copied(world)
    await made.begin()
    yield made
    await made.lookups.close()


async def test_the_third_reader_of_a_page_gets_copies(copied: Copied) -> None:
    """The first makes the conversation hot, the second fills the cache."""
    before = hits("entries")
    for _ in range(2):
        await copied.page("ann", 0, 0, 5, newest=True)
    assert hits("entries") == before
    assert [one.seq for one in (await copied.page("bob", 0, 0, 5, newest=True)).entries] == [10, 11, 12, 13, 14]
    assert hits("entries") == before + 1


async def test_who_may_not_read_makes_nothing_hot(copied: Copied) -> None:
    for _ in range(3):
        await refused(copied.lookups.read_entries("eve", GROUP, 0, 0, 5, newest=True), Code.NOT_MEMBER)
    copied.lookups.committed(GROUP, await copied.say(1))
    assert not copied.lookups._waiting
    await copied.page("ann", 0, 0, 5, newest=True)
    assert await copied.cache.entries(GROUP, 0, 0, 5, newest=True) == []


async def test_new_messages_follow_into_hot_conversations(copied: Copied) -> None:
    for _ in range(2):
        await copied.page("ann", 0, 0, 5, newest=True)
    copied.lookups.committed(GROUP, await copied.say(3))
    await until(lambda: not copied.lookups._waiting)
    before = hits("entries")
    await copied.page("ann", 0, 0, 8, newest=True)
    assert hits("entries") == before + 1


async def test_a_hole_in_the_copies_is_filled_by_the_store(copied: Copied) -> None:
    for _ in range(2):
        await copied.page("ann", 0, 0, 3, newest=True)
    await copied.say(4)  # another logic's: nobody tells
    copied.lookups.committed(GROUP, await copied.say(1))
    await until(lambda: not copied.lookups._waiting)
    page = await copied.page("ann", 0, 0, 8, newest=True)
    assert [one.seq for one in page.entries] == list(range(12, 20))


async def test_copies_give_nobody_a_right(copied: Copied) -> None:
    """Not to strangers, not before the window opens, not after it is closed, and at once."""
    for _ in range(3):
        await copied.page("ann", 0, 0, 200, newest=True)
    assert (await copied.page("cleo", 1, 0, 200, newest=False)).entries[0].seq == 11
    await refused(copied.lookups.read_entries("eve", GROUP, 0, 0, 9, newest=True), Code.NOT_MEMBER)
    await copied.world.conversations.leave(copied.callers[1], GROUP)
    copied.head += 1
    copied.lookups.committed(GROUP, await copied.say(2))
    await until(lambda: not copied.lookups._waiting)
    for _ in range(2):
        assert (await copied.page("ann", 0, 0, 200, newest=True)).end == 17
        assert (await copied.page("bob", 0, 0, 200, newest=True)).end == 15


READS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "cleo", "say", "tell"]),
        st.integers(0, 20),
        st.integers(0, 20),
        st.integers(1, 20),
        st.booleans(),
    ),
    max_size=15,
)


@settings(max_examples=40, deadline=None)
@given(READS)
async def test_pages_are_the_stores(reads: list[tuple[str, int, int, int, bool]]) -> None:
    """Whatever is asked, in whatever order, while others write and tell of it or do not."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "store.db", StoreConfig())
        await store.start()
        worlds = Worlds(store)
        copied = Copied(worlds.make())
        await copied.begin()
        for who, begin, end, limit, newest in reads:
            if who in {"say", "tell"}:
                entries = await copied.say(1 + limit % 3)
                if who == "tell":
                    copied.lookups.committed(GROUP, entries)
            else:
                await copied.page(who, begin, end, limit, newest=newest)
        await copied.lookups.close()
        await worlds.end()
        store.close()
        await store.join()


async def test_profiles_are_copies_until_they_change(copied: Copied) -> None:
    store = copied.world.store
    before = hits("profile")
    for _ in range(2):
        assert {one.id for one in await copied.lookups.profiles(["ann", "bob", "nobody"])} == {"ann", "bob"}
    assert hits("profile") == before + 2
    await store.update_user("ann", UserChanges(nickname="New"))
    await copied.lookups.changed("ann")
    [ann] = await copied.lookups.profiles(["ann"])
    assert ann.nickname == "New"


async def test_what_was_read_too_long_ago_is_not_kept(copied: Copied) -> None:
    """A change since may be forgotten by the cache."""
    now = [0.0]
    slow = CachedLookups(SlowStore(copied.world, now), copied.cache, 10, lambda: now[0])  # type: ignore[arg-type]
    await slow.profiles(["ann"])
    assert await copied.cache.users(["ann"]) == {}


class SlowStore:
    """The store, from which an answer takes a minute."""

    def __init__(self, world: World, now: list[float]) -> None:
        self._world = world
        self._now = now

    async def users(self, user_ids: list[str]) -> list[User]:
        found = await self._world.store.users(user_ids)
        self._now[0] += 60
        return found


async def test_nobody_is_judged_by_a_copy(copied: Copied) -> None:
    """A caller's own profile, by which a door refuses who is disabled, comes from the store."""
    accounts = copied.world.accounts
    accounts._lookups = copied.lookups
    ann, bob, *_ = copied.callers
    await accounts.user(ann, "bob")
    await copied.world.store.set_user_status(UserId("bob"), UserStatus.DISABLED)  # by a process that tells nobody
    assert (await accounts.user(ann, "bob")).status is UserStatus.ACTIVE
    assert (await accounts.user(bob, "bob")).status is UserStatus.DISABLED


async def test_who_changes_a_profile_drops_the_copies(copied: Copied) -> None:
    accounts = copied.world.accounts
    accounts._lookups = copied.lookups
    ann, bob, *_ = copied.callers
    await accounts.user(bob, "ann")
    await accounts.update_profile(ann, UserChanges(nickname="New"))
    assert (await accounts.user(bob, "ann")).nickname == "New"
    assert [one.nickname for one in await accounts.users(bob, ["ann"])] == ["New"]


async def test_without_a_cache_everything_is_the_stores(copied: Copied) -> None:
    plain = Lookups(copied.world.store)
    for _ in range(3):
        page = await plain.read_entries("ann", GROUP, 0, 0, 5, newest=True)
        assert page == await copied.world.store.read_entries("ann", GROUP, 0, 0, 5, newest=True)
