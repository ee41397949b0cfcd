"""Calls to Redis: Lua scripts and single commands, each bounded in time, each a single round trip.

While Redis is gone calls fail at once: only `probe`, which is made every second, tries it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from resonance.config.engines import RedisConfig
from resonance.domain.errors import Code, ServiceError

log = structlog.get_logger(__name__)

Script = AsyncScript
Argument = str | int


PROBE_S = 1.0
"""Pause between attempts to reach a Redis that is gone."""


class Gone(Exception):  # noqa: N818 - a state, which callers have an answer to
    """Redis did not do what it was asked, or nobody knows whether it did."""


class RedisClient:
    """A pool of connections, and what is known of the server.

    Attributes:
        run: the server process that the newest connection led to; another one has other data, older ones or none.
        up: whether the last call was answered.
        losses: how often it was not.
    """

    def __init__(self, config: RedisConfig) -> None:
        """Make a client; it connects with the first call.

        Raises:
            ServiceError: INVALID_ARGUMENT when the url is none, or a file of certificates cannot be read.
        """
        self.prefix = config.prefix
        self.run = ""
        self.up = True
        self.losses = 0
        self._task: asyncio.Task[None] | None = None
        self._timeout = config.timeout
        try:
            pool = BlockingConnectionPool.from_url(config.url, **self._options(config))
        except (ValueError, OSError, RedisError) as error:
            raise ServiceError(Code.INVALID_ARGUMENT, f"redis: {error}", field="redis.url") from error
        self._redis: Redis = Redis(connection_pool=pool)

    def _options(self, config: RedisConfig) -> dict[str, Any]:
        options: dict[str, Any] = {
            "max_connections": config.connections,
            "timeout": config.timeout,
            "socket_timeout": None,  # `call` bounds everything, also the waiting for a connection
            "socket_connect_timeout": None,
            "decode_responses": True,
            "retry": Retry(NoBackoff(), 0),
            "redis_connect_func": self._on_connect,
        }
        if config.user:
            options["username"] = config.user
        if config.password is not None:
            options["password"] = config.password.get_secret_value()
        if config.url.startswith("rediss:"):
            options |= {
                name: str(path)
                for name, path in (
                    ("ssl_ca_certs", config.ca),
                    ("ssl_certfile", config.certificate),
                    ("ssl_keyfile", config.key),
                )
                if path is not None
            }
        return options

    async def _on_connect(self, connection: AbstractConnection) -> None:
        """Learn which process is at the other end: after a restart every call goes over a new connection."""
        await connection.on_connect()
        await connection.send_command("INFO", "server")
        answer = await connection.read_response()
        self.run = next(line for line in str(answer).splitlines() if line.startswith("run_id:"))

    async def start(self) -> None:
        """Try whether Redis is there, which it need not be, and go on to try while it is not.

        Raises:
            ServiceError: INVALID_ARGUMENT when it is, and refuses us.
        """
        try:
            async with asyncio.timeout(self._timeout):
                await self._redis.ping()
        except (AuthenticationError, NoPermissionError) as error:
            raise ServiceError(Code.INVALID_ARGUMENT, f"redis refuses us: {error}", field="redis.url") from error
        except (RedisError, OSError, TimeoutError) as error:
            self._lost(error)
        self._task = asyncio.create_task(self._keep_probing(), name="redis")

    async def _keep_probing(self) -> None:
        while True:
            await asyncio.sleep(PROBE_S)
            try:
                await self.probe()
            except Exception:  # without this task Redis would stay lost
                log.exception("redis could not be asked; it is tried again")

    async def close(self) -> None:
        """Close the connections."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()

    def script(self, text: str) -> Script:
        """Return a Lua script, to be handed to `call` with its keys and arguments."""
        return self._redis.register_script(text)

    async def call(self, script: Script, arguments: Iterable[Argument], *, patience: float = 1) -> Any:
        """Run a script. Its one key is our prefix.

        Args:
            patience: times the configured longest time.

        Raises:
            Gone: it did not answer now, or not before; the next `probe` says whether it does again.
        """
        if not self.up:
            raise Gone
        try:
            async with asyncio.timeout(self._timeout * patience):
                return await script([self.prefix], arguments)
        except (RedisError, OSError, TimeoutError) as error:
            self._lost(error)
            raise Gone from error

    async def probe(self) -> bool:
        """Say whether Redis answers, asking it if it did not before."""
        if not self.up:
            try:
                async with asyncio.timeout(self._timeout):
                    # others of before are as dead as the one that told, and would tell it again one by one
                    await self._redis.connection_pool.disconnect(inuse_connections=False)
                    await self._redis.ping()
            except (RedisError, OSError, TimeoutError):
                return False
            if not self.up:  # two may have tried
                self.up = True
                log.info("redis answers again")
        return self.up

    def _lost(self, error: Exception) -> None:
        if self.up:
            self.up = False
            self.losses += 1
            log.warning("redis does not answer", error=str(error) or type(error).__name__)
