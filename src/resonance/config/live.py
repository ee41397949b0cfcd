"""The settings of a running process, and what may change about them.

Live values change in place: whoever holds a section of these settings sees the new value the next time it reads the
key. That is the one way in which settings change, and only here.
"""

from __future__ import annotations

from resonance.config.keys import keys
from resonance.config.load import Loaded, check
from resonance.config.sources import Found


class LiveSettings:
    """Settings of this process alone.

    Attributes:
        settings: to be handed out.
    """

    def __init__(self, loaded: Loaded) -> None:
        # sections that nobody configured are shared by all settings there are, which must not change
        self.settings = loaded.settings.model_copy(deep=True)
        self._written = loaded.written

    def apply(self, found: Found) -> list[str]:
        """Make these the live keys that are written anywhere; others go back to what they were at start.

        Returns:
            The keys whose value is another one now.

        Raises:
            ConfigError: something is wrong, also together with what is configured elsewhere; nothing was changed.
        """
        live = {name for name, key in keys().items() if key.live}
        frozen = [
            f"{name} cannot change while the server runs ({setting.source})"
            for name, setting in found.settings.items()
            if name not in live
        ]
        new = check(Found({**self._written, **found.settings}, [*found.problems, *frozen]))
        return [name for name in sorted(live) if _take_over(name, new, self.settings)]


def _take_over(name: str, new: object, old: object) -> bool:
    """Copy one key's value between settings; return whether it was another one."""
    *path, leaf = name.split(".")
    for part in path:
        new, old = getattr(new, part), getattr(old, part)
    value = getattr(new, leaf)
    if getattr(old, leaf) == value:
        return False
    object.__setattr__(old, leaf, value)  # sections are frozen for everybody else
    return True
