"""Routes in memory."""

from __future__ import annotations

from resonance.engines.memory.routes import MemoryRoutes
from resonance.ports.routes import Routes
from tests.contract.routes.suite_routes import RoutesSuite


class TestMemoryRoutes(RoutesSuite):
    def make(self, lease: float = 60) -> Routes:
        return MemoryRoutes(lease)
