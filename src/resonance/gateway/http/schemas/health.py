"""Health as JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Alive(BaseModel):
    """The process lives; `time` is in seconds."""

    status: Literal["ok"]
    time: int


class Ready(BaseModel):
    """Whether to send work here, and why not, by part."""

    status: Literal["ready", "not_ready"]
    reasons: dict[str, str]
