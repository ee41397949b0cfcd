"""What every engine of the cache port promises; an engine's test file inherits this class and makes the engine."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from resonance.domain.ids import UserId
from resonance.domain.model import Entry, User, UserKind
from resonance.ports.cache import HOT_ENTRIES, Cache

EPOCH = "e1"
PATIENCE_S = 20.0


def entry(seq: int, conversation_id: str = "sg_a") -> Entry:
    """Return the entry with this seq."""
    return Entry(conversation_id, seq, 2**60 + seq, "ann", f"k{seq}", 1, f'"é\n{seq}', '{"x":1}', seq, 1_000 + seq)


def user(user_id: str, nickname: str = "Ann") -> User:
    """Return a profile."""
    return User(UserId(user_id), nickname, "http://a", '{"é":1}', UserKind.BOT, created_at=7, updated_at=8)


def entries(*seqs: int, conversation_id: str = "sg_a") -> list[Entry]:
    """Return the entries with these seqs."""
    return [entry(seq, conversation_id) for seq in seqs]


class CacheSuite:
    """Subclasses say how to make an empty cache."""

    def make(self, ttl: float = 60) -> Cache:
        """Return a cache that is in use for `EPOCH` and has nothing."""
        raise NotImplementedError

    async def test_entries_come_as_they_were_kept(self) -> None:
        """In order, within the range, from the end that was asked for; what is not there is missing."""
        cache = self.make()
        await cache.keep_entries({"sg_a": entries(4, 5, 7, 8), "sg_b": entries(1, conversation_id="sg_b")})
        assert await cache.entries("sg_a", 0, 0, 9, newest=False) == entries(4, 5, 7, 8)
        assert await cache.entries("sg_a", 0, 0, 2, newest=True) == entries(7, 8)
        assert await cache.entries("sg_a", 5, 7, 9, newest=True) == entries(5, 7)
        assert await cache.entries("sg_a", 5, 8, 2, newest=False) == entries(5, 7)
        assert await cache.entries("sg_b", 0, 0, 9, newest=True) == entries(1, conversation_id="sg_b")
        assert await cache.entries("sg_c", 0, 0, 9, newest=True) == []

    async def test_the_newest_entries_stay(self) -> None:
        """Whatever the order in which they are kept, and how often."""
        cache = self.make()
        last = HOT_ENTRIES + 50
        for begin in (1, 201, 1, 101):
            await cache.keep_entries({"sg_a": entries(*range(begin, last + 1))})
        found = await cache.entries("sg_a", 0, 0, 1_000, newest=False)
        assert [one.seq for one in found] == list(range(51, last + 1))

    async def test_copies_end(self) -> None:
        cache = self.make(ttl=0.2)
        await cache.keep_entries({"sg_a": entries(1)})
        await cache.keep_users([user("ann")])
        end = time.monotonic() + PATIENCE_S
        while await cache.users(["ann"]) or await cache.entries("sg_a", 0, 0, 9, newest=True):
            assert time.monotonic() < end
            await asyncio.sleep(0.02)

    async def test_profiles_come_as_they_were_kept(self) -> None:
        cache = self.make()
        known = {name: user(name) for name in ("ann", "bób")}
        await cache.keep_users(list(known.values()))
        assert await cache.users(["ann", "cleo", "bób"]) == known
        assert await cache.users([]) == {}

    async def test_who_read_before_a_change_cannot_keep_it_afterwards(self) -> None:
        cache = self.make()
        await cache.keep_users([user("ann", "Old")])
        await cache.drop_users(["ann"])
        assert await cache.users(["ann"]) == {}
        await cache.keep_users([user("ann", "Old")])
        assert await cache.users(["ann"]) == {}

    async def test_what_is_there_is_not_made_younger(self) -> None:
        """A profile that is kept again still ends when the first copy would."""
        cache = self.make(ttl=0.3)
        end = time.monotonic() + PATIENCE_S
        await cache.keep_users([user("ann", "First")])
        while (found := await cache.users(["ann"])) != {"ann": user("ann", "Second")}:
            assert found in ({}, {"ann": user("ann", "First")})
            assert time.monotonic() < end
            await cache.keep_users([user("ann", "Second")])

    async def test_another_store_has_other_copies(self) -> None:
        """A backup was put back: nothing of the time after it is found."""
        cache = self.make()
        await cache.keep_entries({"sg_a": entries(1)})
        await cache.keep_users([user("ann")])
        cache.use("e2")
        assert await cache.entries("sg_a", 0, 0, 9, newest=True) == []
        assert await cache.users(["ann"]) == {}
        await cache.keep_users([replace(user("ann"), nickname="Other")])
        assert (await cache.users(["ann"]))["ann"].nickname == "Other"

    async def test_many_at_once(self) -> None:
        cache = self.make()
        many = {f"sg_{n}": entries(*range(1, 41), conversation_id=f"sg_{n}") for n in range(40)}
        await cache.keep_entries(many)
        for key, kept in many.items():
            assert await cache.entries(key, 0, 0, 100, newest=False) == kept
        people = [user(f"user-{n}") for n in range(1_200)]
        await cache.keep_users(people)
        assert len(await cache.users([one.id for one in people])) == len(people)
