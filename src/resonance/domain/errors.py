"""The one catalogue of errors: every refusal a client, an operator or another role can meet.

A code says what happened and whether trying the same request again can help; the message says which value was wrong
and what is allowed. Front doors translate a code into their dialect (HTTP status, gRPC status, packet field); nobody
else invents codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class CodeSpec:
    """What the catalogue says of one code.

    Attributes:
        text: the code as clients see it, lower_snake_case, never changed once released.
        status: the HTTP status it is answered with.
        retry: True when the very same request may succeed later without the caller changing anything.
        meaning: one sentence for the documentation.
    """

    text: str
    status: int
    retry: bool
    meaning: str


class Code(Enum):
    """Every error code. The value is its `CodeSpec`; texts are unique (tested)."""

    # the request itself
    INVALID_ARGUMENT = CodeSpec("invalid_argument", 400, False, "A field has a value that is not allowed.")
    MALFORMED_PACKET = CodeSpec("malformed_packet", 400, False, "The frame or body could not be decoded.")
    RESERVED_KEY = CodeSpec("reserved_key", 400, False, "A client_msg_id may not begin with '~'.")
    TOO_LARGE = CodeSpec("too_large", 413, False, "A body, a frame or a field is over its size limit.")
    KEY_CONFLICT = CodeSpec("key_conflict", 409, False, "This client_msg_id was used for a message with another body.")
    REFETCH = CodeSpec("refetch", 410, False, "The sync token is too old or of another store: fetch everything anew.")
    NOT_FOUND = CodeSpec("not_found", 404, False, "There is nothing at this address.")

    # who is asking
    UNAUTHENTICATED = CodeSpec("unauthenticated", 401, False, "No token was given.")
    TOKEN_INVALID = CodeSpec("token_invalid", 401, False, "The token is not one of this server.")
    TOKEN_EXPIRED = CodeSpec("token_expired", 401, False, "The token's time is over: refresh it or log in.")
    TOKEN_REVOKED = CodeSpec("token_revoked", 401, False, "The device was logged out, kicked or revoked: log in.")
    REFRESH_REUSED = CodeSpec("refresh_reused", 401, False, "A refresh token was used twice: the device is logged out.")
    WRONG_CREDENTIALS = CodeSpec("wrong_credentials", 401, False, "User or password is wrong.")
    USER_DISABLED = CodeSpec("user_disabled", 403, False, "The account is disabled.")
    REGISTRATION_CLOSED = CodeSpec("registration_closed", 403, False, "This server does not let people register.")
    INVITATION_INVALID = CodeSpec("invitation_invalid", 403, False, "The invitation is unknown, used up or expired.")
    PERMISSION_DENIED = CodeSpec("permission_denied", 403, False, "The caller may not do this.")

    # people
    USER_NOT_FOUND = CodeSpec("user_not_found", 404, False, "There is no such user.")
    USER_EXISTS = CodeSpec("user_exists", 409, False, "The user id is taken.")
    ALREADY_FRIENDS = CodeSpec("already_friends", 409, False, "The two are friends already.")
    REQUEST_NOT_FOUND = CodeSpec("request_not_found", 404, False, "There is no open request of this kind.")
    DEVICE_NOT_FOUND = CodeSpec("device_not_found", 404, False, "The caller has no such device.")
    BLOCKED = CodeSpec("blocked", 403, False, "The recipient has blocked the sender.")
    STRANGERS_REFUSED = CodeSpec("strangers_refused", 403, False, "Only friends may message this person.")

    # conversations
    CONVERSATION_NOT_FOUND = CodeSpec("conversation_not_found", 404, False, "There is no such conversation.")
    CONVERSATION_EXISTS = CodeSpec("conversation_exists", 409, False, "The group id is taken.")
    CONVERSATION_DISSOLVED = CodeSpec("conversation_dissolved", 409, False, "The group was dissolved.")
    NOT_MEMBER = CodeSpec("not_member", 403, False, "The caller was never a member of the conversation.")
    MEMBER_INACTIVE = CodeSpec("member_inactive", 403, False, "The caller left the conversation or was removed.")
    ALREADY_MEMBER = CodeSpec("already_member", 409, False, "The user is a member already.")
    ROLE_INSUFFICIENT = CodeSpec("role_insufficient", 403, False, "The caller's role does not allow this.")
    OWNER_MUST_STAY = CodeSpec("owner_must_stay", 409, False, "The owner cannot leave or be removed: transfer first.")
    APPROVAL_REQUIRED = CodeSpec("approval_required", 403, False, "An admin has to approve whoever joins.")
    GROUP_FULL = CodeSpec("group_full", 409, False, "The group has its maximum of members.")
    APPEND_ONLY = CodeSpec("append_only", 409, False, "Stored messages are neither changed nor deleted.")
    MUTED = CodeSpec("muted", 403, False, "The sender is muted in this conversation.")
    LIMIT_REACHED = CodeSpec("limit_reached", 409, False, "A limit on how many of these one may have is reached.")

    # the server
    RATE_LIMITED = CodeSpec("rate_limited", 429, True, "Too many requests: wait and try again.")
    BUSY = CodeSpec("busy", 503, True, "The server's pipeline is full: send the same item again later.")
    UNAVAILABLE = CodeSpec("unavailable", 503, True, "A part of the server cannot be reached now.")
    STORAGE_UNAVAILABLE = CodeSpec("storage_unavailable", 503, True, "The store cannot write now (disk full, locked).")
    DEADLINE = CodeSpec("deadline", 504, True, "The work was not done in time; its outcome is unknown.")
    STALE = CodeSpec("stale", 409, True, "The conversation changed meanwhile: the server tries again by itself.")
    INTERNAL = CodeSpec("internal", 500, True, "The server made a mistake; its log has the trace id.")

    @property
    def text(self) -> str:
        """The code as clients see it."""
        return self.value.text

    @classmethod
    def of(cls, text: str) -> Code:
        """Return the code with this text; an unknown one (of a newer peer) reads as INTERNAL."""
        return _BY_TEXT.get(text, cls.INTERNAL)


_BY_TEXT = {code.value.text: code for code in Code}


class ServiceError(Exception):
    """A refusal from the catalogue, raised by any role and answered by any door.

    Attributes:
        code: which entry of the catalogue.
        message: what was wrong, with the value and what is allowed, for a person.
        field: the request's field that is wrong, "" when none is.
        retry_after_ms: how long to wait before trying again, 0 when the code is not about waiting.
    """

    def __init__(self, code: Code, message: str = "", *, field: str = "", retry_after_ms: int = 0) -> None:
        self.code = code
        self.message = message or code.value.meaning
        self.field = field
        self.retry_after_ms = retry_after_ms
        super().__init__(f"{code.text}: {self.message}")


def no_conversation(conversation_id: str) -> ServiceError:
    """Return the refusal of a conversation that does not exist, or must not be seen to: both have to read the same."""
    return ServiceError(Code.CONVERSATION_NOT_FOUND, f"there is no conversation {conversation_id[:160]!r}")


def invalid(field: str, message: str) -> ServiceError:
    """Return the error for a field with a value that is not allowed."""
    return ServiceError(Code.INVALID_ARGUMENT, message, field=field)
