"""Where things are in the data folder, unless the configuration puts them elsewhere."""

from __future__ import annotations

from pathlib import Path

from resonance.config.settings import Settings


def database(settings: Settings) -> Path:
    """Return the path of the SQLite file."""
    return settings.store.path or settings.data_dir / "resonance.db"


def live_file(settings: Settings) -> Path:
    """Return the path of the file with live keys."""
    return settings.live.file or settings.data_dir / "live.yaml"


def address(settings: Settings, text: str) -> str:
    """Return where a role listens: a relative path of a unix socket is below the data folder."""
    path = text.removeprefix("unix:")
    return text if path == text or Path(path).is_absolute() else f"unix:{settings.data_dir / path}"
