"""How logic reaches the store in these tests: by plain calls, as in `serve`, or by bytes, as between processes."""

from __future__ import annotations

from resonance.ports.store import Store
from resonance.rpc.loopback import loopback

BINDINGS = ("direct", "loopback")
chosen = "direct"
"""Set for each test by the fixture `binding`."""


def bound(store: Store) -> Store:
    """Return the store as the logic under test sees it."""
    return loopback(Store, store) if chosen == "loopback" else store
