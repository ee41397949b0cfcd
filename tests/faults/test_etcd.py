"""etcd stops under load: roles go on with those whom they know, and find each other again when it is back."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.e2e.servers import Deployment
from tests.e2e.test_etcd import ANYWHERE, TTL_S, watching
from tests.engines.etcd import etcd_server
from tests.faults.talkers import finish, reader, some_more_acks
from tests.faults.test_kill import LINK, start_talking

pytestmark = [pytest.mark.faults, pytest.mark.etcd, pytest.mark.timeout(300)]

OUTAGE_S = 30.0 if os.environ.get("RESONANCE_SOAK") else 3.0 * TTL_S
"""Longer than the leases last."""


async def test_etcd_stops_under_load(tmp_path: Path) -> None:
    with etcd_server() as etcd:
        places = {"RESONANCE_ETCD__ENDPOINTS": etcd.endpoint, "RESONANCE_ETCD__TIMEOUT": "1"}
        deployment = Deployment("split", tmp_path, **ANYWHERE, **places, RESONANCE_ETCD__PREFIX="/faults", **LINK)
        await deployment.start()
        try:
            talkers = await start_talking(deployment, pairs=3)
            await some_more_acks(talkers, 5)
            etcd.crash()
            over = asyncio.get_running_loop().time() + OUTAGE_S
            while asyncio.get_running_loop().time() < over:
                async with asyncio.timeout(2):  # nobody waits for etcd
                    await some_more_acks(talkers, 1)
            await asyncio.to_thread(etcd.start)
            for process in deployment.processes.values():
                await process.wait_log(lambda entry: entry["event"] == "registered in etcd")
                lost = [entry for entry in process.log if entry["event"].startswith("not registered in etcd")]
                assert len(lost) == 1, "it is said once"
            # what they know of each other is alive again: a role that moves is found
            await deployment.kill_and_restart("logic")
            async with watching(deployment, "logic-service") as watch:
                async with asyncio.timeout(TTL_S + 10):
                    while len(watch.instances) != 1:
                        await watch.wait(watch.instances)
            await some_more_acks(talkers, 10)
            await finish(talkers, reader(deployment.database))
        finally:
            await deployment.stop()
