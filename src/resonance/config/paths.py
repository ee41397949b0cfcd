"""Where things are in the data folder, unless the configuration puts them elsewhere."""

from __future__ import annotations

from pathlib import Path

from resonance.config.settings import Settings


def database(settings: Settings) -> Path:
    """Return the path of the SQLite file."""
    return settings.store.path or settings.data_dir / "resonance.db"
