"""A TCP proxy between two roles, on which a test cuts the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

CHUNK = 65_536


class Proxy:
    """Passes bytes on, both ways, while nobody cuts.

    A cut direction keeps its connections and passes nothing: what was sent meanwhile arrives late, in order, as after
    a partition of a network.
    """

    def __init__(self, target: Callable[[], str]) -> None:
        """Begin without listening; `target` says where connections go (host:port), at the time they come."""
        self._target = target
        self._up, self._down = asyncio.Event(), asyncio.Event()
        self._up.set()
        self._down.set()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.address = ""

    async def start(self) -> None:
        """Listen: on a free port, or after a stop on the one of before."""
        port = int(self.address.rpartition(":")[2] or 0)
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        host, port = self._server.sockets[0].getsockname()
        self.address = f"{host}:{port}"

    async def stop(self) -> None:
        """Let go of everything."""
        assert self._server is not None
        self._server.close()
        await self.reset()

    def cut(self, *, up: bool = False, down: bool = False) -> None:
        """Pass nothing on to the target (up), from it (down), or both."""
        if up:
            self._up.clear()
        if down:
            self._down.clear()

    def heal(self) -> None:
        """Pass on again, beginning with what waits."""
        self._up.set()
        self._down.set()

    async def reset(self) -> None:
        """End every connection at once."""
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        host, _, port = self._target().rpartition(":")
        try:
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            self._connections.discard(task)
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pass(reader, far_writer, self._up))
                group.create_task(_pass(far_reader, writer, self._down))
        except* OSError:
            pass  # one side is gone, and now the other one goes too
        finally:
            writer.transport.abort()
            far_writer.transport.abort()
            self._connections.discard(task)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, open_: asyncio.Event) -> None:
    """Pass bytes on until their end, and the end with them."""
    while data := await reader.read(CHUNK):
        await open_.wait()
        writer.write(data)
        await writer.drain()
    await open_.wait()
    with suppress(OSError):
        writer.write_eof()
