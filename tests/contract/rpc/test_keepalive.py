"""Idle connections stay: both ends agree on how often one may ask whether the other is there."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from resonance.rpc import channel, server

SPED_UP = {"grpc.keepalive_time_ms": 200, "grpc.http2.min_ping_interval_without_data_ms": 100}
PINGS_S = 5
"""Long enough for more pings than gRPC forgives (2) when they are not allowed."""


def quick(options: tuple[tuple[str, object], ...]) -> list[tuple[str, object]]:
    return [(name, SPED_UP.get(name, value)) for name, value in options]


async def test_a_connection_without_calls_is_kept() -> None:
    served = grpc.aio.server(options=quick(server._OPTIONS))
    port = served.add_insecure_port("127.0.0.1:0")
    await served.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=quick(channel._CLIENT_OPTIONS)) as client:
            await client.channel_ready()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.wait_for_state_change(grpc.ChannelConnectivity.READY), PINGS_S)
    finally:
        await served.stop(None)
