"""What holds for every test: how many examples properties try, and that a failure can be repeated."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

# Shared machines are slow at random, so no example has a deadline; a failure prints what reproduces it.
_COMMON = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", _COMMON)
settings.register_profile("soak", _COMMON, max_examples=2_000)
settings.load_profile("soak" if os.environ.get("RESONANCE_SOAK") else "default")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Undo a test's set-up of logs, which is the process's: its level would hide lines from the tests behind it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configured = structlog.get_config() if structlog.is_configured() else None
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    if configured is not None:
        structlog.configure(**configured)
