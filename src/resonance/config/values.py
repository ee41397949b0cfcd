"""What configuration keys are made of: kinds of values, and sections of keys."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}


def parse_duration(value: object) -> object:
    """Return seconds for a duration such as `100ms`, `30s`, `5m`, `24h`, `30d`; a bare number is seconds."""
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match is None:
            raise ValueError(f"{value!r} is not a duration: write 100ms, 30s, 5m, 24h or 30d")
        return float(match[1]) * _UNIT_S[match[2]]
    return value


def format_duration(seconds: float) -> str:
    """Return a duration as it is written in the configuration, in the largest unit that keeps it whole."""
    for unit in ("d", "h", "m", "s", "ms"):
        amount = seconds / _UNIT_S[unit]
        if amount >= 1 and amount == round(amount):
            return f"{amount:.0f}{unit}"
    return f"{seconds:g}"


Duration = Annotated[float, BeforeValidator(parse_duration), Field(ge=0)]
"""Seconds; written as a number of seconds or with a unit: 100ms, 30s, 5m, 24h, 30d."""

Span = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]
"""A duration that cannot be 0, because nothing could happen in it."""

ADDRESS = r"^(unix:.+|[^/\s]+:\d{1,5})$"
PATH = r"^/[\w/.-]*$"
REDIS_URL = r"^(rediss?://[^\s:@/]+(:\d{1,5})?(/\d+)?|unix:///\S+)$"

Address = Annotated[str, Field(pattern=ADDRESS)]
"""Where a role listens: unix:path or host:port."""

Name = Annotated[str, Field(min_length=1)]

LIVE = "live"
"""Marks a key that may change while the server runs: its readers ask for it each time and keep no copy."""

PlatformId = Annotated[int, Field(ge=0, le=5)]


def at_most(low: str, low_value: float, high: str, high_value: float) -> None:
    """Raise ValueError, with the names of both keys, when one is over the other."""
    if low_value > high_value:
        raise ValueError(f"{low} ({low_value:.12g}) has to be at most {high} ({high_value:.12g})")


def check_certificates(ca: Path | None, certificate: Path | None, key: Path | None) -> None:
    """Raise ValueError unless they go together: a certificate of our own needs its key, and ca."""
    if (certificate is None) != (key is None):
        raise ValueError("certificate and key go together")
    if certificate and not ca:
        raise ValueError("a certificate of our own is of no use without ca, which encrypts connections")


class Section(BaseModel):
    """A part of the configuration; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
