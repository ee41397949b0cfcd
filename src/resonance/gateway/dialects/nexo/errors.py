"""Nexo's error codes (wire.md 2.2.2) for the catalogue's, and what they depend on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from resonance.domain.errors import Code, ServiceError

SUCCESS = 0
USER_MISMATCH = 2004

NUMBERS: Mapping[Code, int] = MappingProxyType(
    {
        Code.INVALID_ARGUMENT: 1001,
        Code.MALFORMED_PACKET: 5003,
        Code.RESERVED_KEY: 1001,
        Code.TOO_LARGE: 1001,
        Code.KEY_CONFLICT: 4002,
        Code.REFETCH: 1001,
        Code.NOT_FOUND: 1005,
        Code.UNAUTHENTICATED: 2003,
        Code.TOKEN_INVALID: 2001,
        Code.TOKEN_EXPIRED: 2002,
        Code.TOKEN_REVOKED: 2001,
        Code.REFRESH_REUSED: 2001,
        Code.WRONG_CREDENTIALS: 2008,
        Code.USER_DISABLED: 1004,
        Code.REGISTRATION_CLOSED: 1004,
        Code.INVITATION_INVALID: 1004,
        Code.PERMISSION_DENIED: 1007,
        Code.USER_NOT_FOUND: 2006,
        Code.USER_EXISTS: 2007,
        Code.ALREADY_FRIENDS: 1001,
        Code.REQUEST_NOT_FOUND: 1005,
        Code.DEVICE_NOT_FOUND: 1005,
        Code.BLOCKED: 1004,
        Code.STRANGERS_REFUSED: 1004,
        Code.CONVERSATION_NOT_FOUND: 4003,
        Code.CONVERSATION_EXISTS: 1001,
        Code.CONVERSATION_DISSOLVED: 3002,
        Code.NOT_MEMBER: 3003,
        Code.MEMBER_INACTIVE: 3004,
        Code.ALREADY_MEMBER: 3005,
        Code.ROLE_INSUFFICIENT: 3007,
        Code.OWNER_MUST_STAY: 3008,
        Code.APPROVAL_REQUIRED: 1004,
        Code.GROUP_FULL: 1004,
        Code.APPEND_ONLY: 1004,
        Code.MUTED: 1004,
        Code.LIMIT_REACHED: 1004,
        Code.RATE_LIMITED: 1006,
        Code.BUSY: 1006,
        Code.UNAVAILABLE: 1002,
        Code.STORAGE_UNAVAILABLE: 1002,
        Code.DEADLINE: 1002,
        Code.STALE: 1002,
        Code.INTERNAL: 1002,
    }
)
"""What each code is where nothing below says otherwise."""

Area = Mapping[Code, int]
"""What some codes are in one part of the protocol."""

ANYWHERE: Area = MappingProxyType({})
BODY: Area = MappingProxyType({Code.MALFORMED_PACKET: 1001})
"""HTTP: a body that is no JSON is a wrong parameter; 5003 is about WebSockets."""
UPGRADES: Area = MappingProxyType({Code.BUSY: 5001})
SENDING: Area = MappingProxyType({Code.CONVERSATION_NOT_FOUND: 3001})
"""Only groups are named by an id when sending; a single conversation by its other member."""
READING: Area = MappingProxyType({Code.NOT_MEMBER: 1007})
GROUPS: Area = MappingProxyType({Code.CONVERSATION_NOT_FOUND: 3001, Code.MEMBER_INACTIVE: 3003})
"""Who quits twice is told 3003; 3004 is for who sends after quitting."""


class UserMismatchError(ServiceError):
    """A request that names another user or platform than its token does."""

    def __init__(self, message: str = "user Id mismatch") -> None:
        super().__init__(Code.TOKEN_INVALID, message)


class AreaError(ServiceError):
    """A refusal that is called otherwise where it happened."""

    def __init__(self, error: ServiceError, area: Area) -> None:
        super().__init__(error.code, error.message, field=error.field, retry_after_ms=error.retry_after_ms)
        self.area = area


def number(error: ServiceError, area: Area = ANYWHERE) -> int:
    """Return Nexo's code for a refusal."""
    if isinstance(error, UserMismatchError):
        return USER_MISMATCH
    if isinstance(error, AreaError):
        area = error.area
    return area.get(error.code, NUMBERS[error.code])
