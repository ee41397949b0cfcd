"""What holds for every test: how many examples properties try, and that a failure can be repeated."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Shared machines are slow at random, so no example has a deadline; a failure prints what reproduces it.
_COMMON = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default", _COMMON)
settings.register_profile("soak", _COMMON, max_examples=2_000)
settings.load_profile("soak" if os.environ.get("RESONANCE_SOAK") else "default")
