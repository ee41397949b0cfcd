"""What is wrong with a configuration, all of it at once."""

from __future__ import annotations

from collections.abc import Sequence

from resonance.domain.errors import Code, ServiceError


class ConfigError(ServiceError):
    """The configuration cannot be used.

    Attributes:
        problems: one sentence each, naming the key, the value, what is allowed and where it was set.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(Code.INVALID_ARGUMENT, "\n".join(problems))
