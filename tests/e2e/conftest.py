"""A running server per module, in both topologies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.servers import Deployment


@pytest_asyncio.fixture(scope="module", params=["serve", "split"], loop_scope="module")
async def deployment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Deployment]:
    """A server for the tests of one module, which may name settings as ENVIRONMENT; they use different users."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    environment: dict[str, str] = {
        "RESONANCE_PRESENCE__OFFLINE_DELAY": "0.2",
        **getattr(request.module, "ENVIRONMENT", {}),
    }
    running = Deployment(request.param, folder, **environment)
    try:
        await running.start()
        yield running
    finally:
        await running.stop()
