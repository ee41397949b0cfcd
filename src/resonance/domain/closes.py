"""The catalogue of WebSocket close codes.

A client decides from the code alone: below 4500 it reconnects (with jitter), from 4500 on it does not, because the
same connection would be refused again. Codes below 3000 are RFC 6455's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class CloseSpec:
    """What the catalogue says of one close code: its number, its reason text and whether to come back."""

    number: int
    reason: str
    reconnect: bool
    meaning: str


class Close(Enum):
    """Every close code the server uses. Numbers are unique (tested)."""

    PROTOCOL_ERROR = CloseSpec(1002, "protocol error", False, "A frame broke RFC 6455.")
    UNSUPPORTED_DATA = CloseSpec(1003, "unsupported data", False, "A frame of a type this dialect does not use.")
    INVALID_TEXT = CloseSpec(1007, "invalid UTF-8", False, "A text frame was not UTF-8.")
    TOO_LARGE = CloseSpec(1009, "message too large", False, "A frame or message was over ws_config.max_message_size.")
    RESTART = CloseSpec(
        1012, "server restart", True, "The server is stopping; come back after the jitter it announced."
    )

    SLOW_CONSUMER = CloseSpec(
        4001, "slow consumer", True, "The client did not read: its buffer ran over. Sync after it."
    )
    PING_TIMEOUT = CloseSpec(4002, "ping timeout", True, "Nothing was heard for ws_config.pong_timeout.")
    OVERLOADED = CloseSpec(4003, "overloaded", True, "The server holds as many connections as it may.")
    UNAVAILABLE = CloseSpec(4004, "unavailable", True, "The gateway lost the rest of the server.")
    RESYNC = CloseSpec(4005, "resync", True, "Pushes may have been missed: reconnect and sync.")

    TOKEN_INVALID = CloseSpec(4500, "token invalid", False, "The token is not one of this server.")
    TOKEN_EXPIRED = CloseSpec(4501, "token expired", False, "The token's time is over: refresh it, then connect.")
    LOGGED_OUT = CloseSpec(4502, "logged out", False, "The device was logged out or revoked: log in again.")
    KICKED = CloseSpec(4503, "kicked by a newer login", False, "The same platform logged in elsewhere.")
    USER_DISABLED = CloseSpec(4504, "account disabled", False, "The account is disabled.")
    MALFORMED = CloseSpec(4505, "malformed packets", False, "Too many packets could not be decoded.")

    @property
    def number(self) -> int:
        """The close code on the wire."""
        return self.value.number

    @classmethod
    def of(cls, number: int) -> Close | None:
        """Return the catalogue's entry for a number, or None when it is not ours."""
        return _BY_NUMBER.get(number)


_BY_NUMBER = {close.value.number: close for close in Close}
