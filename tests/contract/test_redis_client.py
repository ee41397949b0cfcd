"""How we reach Redis: passwords, encryption, and how long anybody waits."""

from __future__ import annotations

import asyncio
import time

import pytest
from pydantic import SecretStr, ValidationError

from resonance.config.engines import RedisConfig
from resonance.domain.errors import Code, ServiceError
from resonance.engines.redis.client import Gone, RedisClient
from tests.engines.redis import RedisServer, redis_server

pytestmark = [pytest.mark.redis, pytest.mark.timeout(60)]

PASSWORD = "correct horse battery staple"
ECHO = "return ARGV[1]"


async def echoed(config: RedisConfig) -> object:
    """Start a client and send something to and fro."""
    client = RedisClient(config)
    try:
        await client.start()
        return await client.call(client.script(ECHO), ["å"])
    finally:
        await client.close()


async def test_a_password_is_shown_and_a_wrong_one_is_said_at_the_start() -> None:
    with redis_server("--requirepass", PASSWORD) as server:
        assert await echoed(RedisConfig(url=server.url, password=SecretStr(PASSWORD))) == "å"
        assert await echoed(RedisConfig(url=server.url, user="default", password=SecretStr(PASSWORD))) == "å"
        for wrong in (RedisConfig(url=server.url), RedisConfig(url=server.url, password=SecretStr("wrong"))):
            with pytest.raises(ServiceError) as refused:
                await echoed(wrong)
            assert refused.value.code is Code.INVALID_ARGUMENT
            assert PASSWORD not in str(refused.value)


async def test_connections_are_encrypted_and_certificates_checked() -> None:
    with redis_server() as server:
        server.crash()
        url = f"rediss://localhost:{server.encrypt()}/0"
        server.start()
        assert await echoed(RedisConfig(url=url, ca=server.certificate)) == "å"
        with pytest.raises(Gone):
            await echoed(RedisConfig(url=url))  # nobody whom the system trusts has signed it


def test_a_url_holds_no_password() -> None:
    """It would be printed with the configuration."""
    with pytest.raises(ValidationError):
        RedisConfig(url=f"redis://:{PASSWORD}@localhost:6379/0")


async def test_a_redis_that_hangs_is_waited_for_once() -> None:
    with redis_server() as server:
        client = RedisClient(RedisConfig(url=server.url, timeout=0.3))
        script = client.script(ECHO)
        await client.call(script, ["warm"])
        server.freeze()
        with pytest.raises(Gone):
            await client.call(script, ["late"])
        began = time.monotonic()
        for _ in range(100):
            with pytest.raises(Gone):
                await client.call(script, ["late"])
        assert time.monotonic() - began < 0.3
        assert not await client.probe()
        server.thaw()
        assert await client.probe()
        assert await client.call(script, ["again"]) == "again"
        await client.close()


async def test_a_restart_is_noticed_once_whatever_the_connections() -> None:
    """All of them are dead afterwards, not only the one that noticed."""
    with redis_server() as server:
        client = RedisClient(RedisConfig(url=server.url))
        script = client.script(ECHO)
        await asyncio.gather(*(client.call(script, ["first"]) for _ in range(6)))
        _restart(server)
        with pytest.raises(Gone):
            await client.call(script, ["lost"])
        assert await client.probe()
        for _ in range(2):
            await asyncio.gather(*(client.call(script, ["again"]) for _ in range(6)))
        assert client.losses == 1
        await client.close()


async def test_another_process_is_known_by_its_first_answer() -> None:
    with redis_server() as server:
        client = RedisClient(RedisConfig(url=server.url))
        await client.start()
        first = client.run
        _restart(server)
        script = client.script(ECHO)
        try:
            await client.call(script, ["?"])
        except Gone:
            assert await client.probe()
        assert client.run != first
        await client.close()


def _restart(server: RedisServer) -> None:
    server.crash()
    server.start()
