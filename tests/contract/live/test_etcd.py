"""Live configuration in etcd."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from resonance.config.engines import EtcdConfig
from resonance.engines.etcd import mirror
from resonance.engines.etcd.live import EtcdLive
from resonance.ports.live import LiveSource
from tests.contract.live.suite_live import LiveSuite
from tests.engines.etcd import EtcdServer

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(120)]


class TestEtcdLive(LiveSuite):
    @pytest.fixture(autouse=True)
    def _in(self, config: EtcdConfig, etcd: EtcdServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self._config = config
        self._server = etcd
        monkeypatch.setattr(mirror, "RETRY_S", 0.2)

    def make(self) -> LiveSource:
        return EtcdLive(self._config)

    async def write(self, values: Mapping[str, str]) -> None:
        prefix = f"{self._config.prefix}/config/"
        await asyncio.to_thread(self._server.replace, prefix, {prefix + name: text for name, text in values.items()})

    def place(self) -> str:
        return f"etcd, {self._config.prefix}/config/messages.queue_limit"

    async def test_what_was_known_counts_while_etcd_is_gone(self) -> None:
        async with self.following() as follower:
            await self.write({"messages.queue_limit": "77"})
            await follower.until(77)
            self._server.crash()
            await asyncio.to_thread(self._server.start)
            assert follower.settings.messages.queue_limit == 77
            await self.write({"messages.queue_limit": "78"})
            await follower.until(78)

    async def test_what_is_wrong_stays_refused_over_a_restart(self) -> None:
        async with self.following() as follower:
            await self.write({"messages.queue_limit": "77"})
            await follower.until(77)
            await self.write({"messages.queue_limit": "none"})
            await follower.refused()
            self._server.crash()
            self._server.forget()
            await asyncio.to_thread(self._server.start)
            follower.refusal = ""
            await self.write({"messages.queue_limit": "many"})
            assert "'many' is not allowed" in await follower.refused()
            assert follower.settings.messages.queue_limit in {77, 20_000}, "an empty etcd undoes what was written"

    async def test_etcd_may_come_later_than_the_server(self) -> None:
        self._server.crash()
        try:
            async with self.following() as follower:
                assert follower.settings.messages.queue_limit == 20_000
                await asyncio.to_thread(self._server.start)
                await self.write({"messages.queue_limit": "77"})
                await follower.until(77)
        finally:
            self._server.crash()
            await asyncio.to_thread(self._server.start)
