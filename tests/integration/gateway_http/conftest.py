"""The door that most tests knock at."""

from __future__ import annotations

import pytest

from tests.integration.gateway_http.harness import Door, make_door


@pytest.fixture(scope="session")
def shared_door() -> Door:
    """Return an app with default settings, made once: building the routes takes longer than any test."""
    return make_door()


@pytest.fixture
def door(shared_door: Door) -> Door:
    """Return the shared app and a logged-in client, as if new."""
    shared_door.renew()
    return shared_door
