"""Nexo's clients: the scenarios of every dialect, and what only Nexo has (wire.md, 2)."""

from __future__ import annotations

from typing import ClassVar

import pytest

from tests.e2e.dialects.client import Client
from tests.e2e.dialects.nexo_client import NexoClient, ObjectClient
from tests.e2e.dialects.scenarios import Scenarios

pytestmark = pytest.mark.asyncio(loop_scope="module")


class TestScenarios(Scenarios):
    """All of them, as the seed's clients do it."""

    kind: ClassVar[type[Client]] = NexoClient


class TestLaterScenarios(Scenarios):
    """All of them, below /im and with `data` as an object."""

    kind: ClassVar[type[Client]] = ObjectClient
