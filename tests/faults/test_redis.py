"""Redis stops, is emptied and hangs under load: users notice nothing, and it is filled again when it is back."""

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


async def is_filled(redis: RedisServer, users: int) -> None:
    """Wait until so many users have routes."""
    async with asyncio.timeout(IN_TIME_S):
        while len(redis.command("KEYS", "resonance:u:*").splitlines()) != 2 * users + 1:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_redis_stops_under_load(tmp_path: Path) -> None:
    with redis_server() as redis:
        shared = {"RESONANCE_ROUTES__KIND": "redis", "RESONANCE_REDIS__URL": redis.url}
        deployment = Deployment("split", tmp_path, **shared, **LINK)
        await deployment.start()
        try:
            talkers = await start_talking(deployment, pairs=2)
            await works(deployment, talkers)
            await is_filled(redis, 4)
            redis.crash()
            await works(deployment, talkers)
            redis.start()  # empty
            await works(deployment, talkers)
            await is_filled(redis, 4)
            redis.flush()
            await works(deployment, talkers)
            await is_filled(redis, 4)
            redis.freeze()
            await works(deployment, talkers)
            redis.thaw()
            await works(deployment, talkers)
            await finish(talkers, reader(deployment.database))
            assert [(talker.connections, talker.cuts) for talker in talkers] == [(1, 0)] * 4
            log = deployment.processes["logic"].log
            async with asyncio.timeout(IN_TIME_S):
                while (told := [entry["event"] for entry in log if "redis" in entry["event"]]) != TOLD * 2:
                    assert len(told) < 4, told
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
