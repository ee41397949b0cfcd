"""Redis stops, is emptied and hangs under load, whatever is in it: users notice nothing, and it fills up again."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest

from tests.e2e.clients import Socket, User
from tests.e2e.servers import Deployment
from tests.engines.redis import RedisServer, redis_server
from tests.faults.talkers import Talker, finish, reader, some_more_acks
from tests.faults.test_kill import LINK, start_talking

pytestmark = [pytest.mark.faults, pytest.mark.redis, pytest.mark.timeout(300)]

TOLD = ["redis does not answer", "redis answers again"]
IN_TIME_S = 10
"""For what takes a second at most, on a busy machine."""


async def push_to_somebody_new(deployment: Deployment, talker: Talker) -> None:
    """Let somebody connect now, and get a message by push."""
    name = f"new{secrets.token_hex(4)}"
    async with asyncio.timeout(IN_TIME_S):
        user = await User.register(deployment.url, name)
        heard = asyncio.Event()
        socket = await Socket.open(user, on_packet=lambda packet: heard.set() if "push" in packet else None)
        chat = (await talker.user.post("/conversations", user_id=name))["conversation_id"]
        await talker.user.post("/messages", conversation_id=chat, content="hello", client_msg_id=secrets.token_hex(8))
        await heard.wait()
        await socket.close()


async def works(deployment: Deployment, talkers: list[Talker]) -> None:
    """Check that messages flow, and that who connects is pushed to."""
    async with asyncio.timeout(IN_TIME_S):
        await some_more_acks(talkers, 3)
    await push_to_somebody_new(deployment, talkers[0])


async def are_in_use(redis: RedisServer, historian: Historian, talkers: list[Talker]) -> None:
    """Wait until copies of entries and profiles are in Redis, and buckets of those who talk."""
    await historian.some_more(5)
    wanted = [f"resonance:{kind}" for kind in ("e:*", "p:*", "b:messages:*")]
    async with asyncio.timeout(IN_TIME_S):
        while any(redis.command("KEYS", pattern) == "*0\r\n" for pattern in wanted):
            await some_more_acks(talkers, 1)


async def is_filled(redis: RedisServer, users: int) -> None:
    """Wait until so many users have routes."""
    async with asyncio.timeout(IN_TIME_S):
        while len(redis.command("KEYS", "resonance:u:*").splitlines()) != 2 * users + 1:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


class Historian:
    """Reads on and on what a talker's conversation holds, and how the talker is called.

    Attributes:
        pages: how many pages it got.
    """

    def __init__(self, talker: Talker) -> None:
        self.pages = 0
        self._talker = talker
        self._head = 0
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while True:
            await self._page()
            self.pages += 1
            await asyncio.sleep(0.05)

    async def _page(self) -> None:
        """Read the newest page: without a hole, up to the end, and never behind one that was read before."""
        acked = max((int(ack["seqId"]) for ack in list(self._talker.acked.values())), default=0)
        page = await self._talker.user.get(f"/conversations/{self._talker.conversation}/messages?limit=40")
        seqs = [int(entry["seq"]) for entry in page["messages"]]
        assert seqs == list(range(int(page["end"]) - len(seqs) + 1, int(page["end"]) + 1))
        assert int(page["end"]) >= max(acked, self._head)
        self._head = int(page["end"])
        await self._talker.user.post("/users/batch", user_ids=[self._talker.user.name])

    async def some_more(self, count: int) -> None:
        """Wait for further pages; raise what went wrong in one."""
        goal = self.pages + count
        async with asyncio.timeout(IN_TIME_S):
            while self.pages < goal:
                if self._task.done():
                    await self._task
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """Read no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_redis_stops_under_load(tmp_path: Path) -> None:
    with redis_server() as redis:
        shared = {
            "RESONANCE_ROUTES__KIND": "redis",
            "RESONANCE_COUNTERS__KIND": "redis",
            "RESONANCE_CACHE__KIND": "redis",
            "RESONANCE_MESSAGES__PER_USER_PER_SECOND": "1000",  # counted, and never reached
            "RESONANCE_REDIS__URL": redis.url,
        }
        deployment = Deployment("split", tmp_path, **shared, **LINK)
        await deployment.start()
        try:
            talkers = await start_talking(deployment, pairs=2)
            historian = Historian(talkers[0])
            await works(deployment, talkers)
            await are_in_use(redis, historian, talkers)
            await is_filled(redis, 4)
            redis.crash()
            await works(deployment, talkers)
            await historian.some_more(5)
            redis.start()  # empty
            await works(deployment, talkers)
            await is_filled(redis, 4)
            await are_in_use(redis, historian, talkers)
            redis.flush()
            await works(deployment, talkers)
            await is_filled(redis, 4)
            await are_in_use(redis, historian, talkers)
            redis.freeze()
            await works(deployment, talkers)
            await historian.some_more(5)
            redis.thaw()
            await works(deployment, talkers)
            await historian.some_more(5)
            await historian.stop()
            counted = await deployment.processes["logic"].metrics()
            assert counted['logic_cache_reads_total{result="hit",what="entries"}'] > 0
            await finish(talkers, reader(deployment.database))
            assert [(talker.connections, talker.cuts) for talker in talkers] == [(1, 0)] * 4
            log = deployment.processes["logic"].log
            async with asyncio.timeout(IN_TIME_S):
                while (told := [entry["event"] for entry in log if "redis" in entry["event"]]) != TOLD * 2:
                    assert len(told) < 4, [entry for entry in log if "redis" in entry["event"]]
                    await asyncio.sleep(0.05)
        finally:
            await deployment.stop()


async def test_the_server_starts_without_redis(tmp_path: Path) -> None:
    with redis_server() as redis:
        redis.crash()
        shared = {"RESONANCE_ROUTES__KIND": "redis", "RESONANCE_REDIS__URL": redis.url}
        deployment = Deployment("serve", tmp_path, **shared, **LINK)
        await deployment.start()
        try:
            talkers = await start_talking(deployment, pairs=1)
            await works(deployment, talkers)
            redis.start()
            await is_filled(redis, 2)
            await finish(talkers, reader(deployment.database))
        finally:
            await deployment.stop()
