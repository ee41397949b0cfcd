"""What every source of live configuration promises; an engine's test file inherits this class and makes the engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from resonance.config.errors import ConfigError
from resonance.config.live import LiveSettings
from resonance.config.load import Loaded
from resonance.config.settings import Settings
from resonance.config.sources import Found
from resonance.ports.live import LiveSource

PATIENCE_S = 20.0


class Follower:
    """A process that follows a source: its settings, and why what was written last was refused."""

    def __init__(self, source: LiveSource) -> None:
        self._source = source
        self._live = LiveSettings(Loaded(Settings(), "dev", {}, []))
        self._news = asyncio.Event()
        self.settings = self._live.settings
        self.refusal = ""

    async def start(self) -> None:
        """Begin to follow."""
        await self._source.start(self._changed)

    async def close(self) -> None:
        """Stop."""
        await self._source.close()

    def _changed(self, found: Found) -> None:
        try:
            self._live.apply(found)
            self.refusal = ""
        except ConfigError as error:
            self.refusal = str(error)
        self._news.set()

    async def until(self, queue_limit: int) -> None:
        """Wait until a limit has this value."""
        async with asyncio.timeout(PATIENCE_S):
            while self.settings.messages.queue_limit != queue_limit:
                await self._next()

    async def refused(self) -> str:
        """Wait for a refusal."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.refusal:
                await self._next()
        return self.refusal

    async def _next(self) -> None:
        self._news.clear()
        await self._news.wait()


class LiveSuite:
    """Subclasses say how a source is made and written to; at first nothing is written."""

    def make(self) -> LiveSource:
        """Return a source."""
        raise NotImplementedError

    async def write(self, values: Mapping[str, str]) -> None:
        """Make these all that is written, at one stroke."""
        raise NotImplementedError

    @asynccontextmanager
    async def following(self) -> AsyncIterator[Follower]:
        """Follow the source for a while."""
        follower = Follower(self.make())
        await follower.start()
        try:
            yield follower
        finally:
            await follower.close()

    async def test_nothing_written_changes_nothing(self) -> None:
        async with self.following() as follower:
            assert follower.settings == Settings()
            assert follower.refusal == ""

    async def test_what_is_there_counts_from_the_start(self) -> None:
        await self.write({"messages.queue_limit": "77", "observability.log.level": "debug"})
        async with self.following() as follower:
            assert follower.settings.messages.queue_limit == 77
            assert follower.settings.observability.log.level == "debug"

    async def test_changes_are_seen_and_what_is_gone_is_undone(self) -> None:
        async with self.following() as follower:
            await self.write({"messages.queue_limit": "77"})
            await follower.until(77)
            await self.write({"messages.queue_limit": "78", "presence.offline_delay": "1m"})
            await follower.until(78)
            assert follower.settings.presence.offline_delay == 60
            await self.write({"presence.offline_delay": "1m"})
            await follower.until(20_000)
            await self.write({})
            async with asyncio.timeout(PATIENCE_S):
                while follower.settings != Settings():
                    await follower._next()

    async def test_what_is_wrong_is_refused_whole_and_said(self) -> None:
        async with self.following() as follower:
            await self.write({"messages.queue_limit": "77"})
            await follower.until(77)
            for wrong, said in (
                ({"messages.batch_max": "none"}, "messages.batch_max: 'none' is not allowed"),
                ({"messages.quue_limit": "5"}, "messages.quue_limit is no key"),
                ({"service.http_port": "80"}, "service.http_port cannot change while the server runs"),
                ({"groups.members_limit": "9"}, "max_members (500) has to be at most members_limit (9)"),
            ):
                follower.refusal = ""
                await self.write({"messages.queue_limit": "78", **wrong})
                assert said in await follower.refused()
                assert follower.settings.messages.queue_limit == 77
            await self.write({"messages.queue_limit": "79"})
            await follower.until(79)

    async def test_a_refusal_says_where_the_mistake_is(self) -> None:
        await self.write({"messages.queue_limit": "0"})
        async with self.following() as follower:
            assert self.place() in follower.refusal

    def place(self) -> str:
        """Return how messages.queue_limit is found by whoever has to mend it, when nothing else is written."""
        raise NotImplementedError

    async def test_nothing_comes_after_the_end(self) -> None:
        async with self.following() as follower:
            pass
        await self.write({"messages.queue_limit": "77"})
        async with self.following() as other:
            assert other.settings.messages.queue_limit == 77
        assert follower.settings.messages.queue_limit == 20_000
