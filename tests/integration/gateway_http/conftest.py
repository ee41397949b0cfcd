"""The door that most tests knock at."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.gateway_http.harness import Door, make_door


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """Return an app with default settings and a logged-in client."""
    made = make_door()
    async with made.client:
        yield made
