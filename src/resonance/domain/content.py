"""Kinds of entries, what each may contain, and the hash that makes a client's key mean one body."""

from __future__ import annotations

import hashlib
import json
from enum import IntEnum

from resonance.domain.errors import Code, ServiceError, invalid

MAX_TEXT = 5_000
"""Characters in a text message."""
MAX_CONTENT = 32 * 1024
"""Bytes (UTF-8) in the content of any other kind."""
MAX_EXTRA = 8 * 1024
"""Bytes (UTF-8) in `extra`."""


class Kind(IntEnum):
    """What an entry is. Numbers are stored; every dialect has a form for each."""

    TEXT = 1
    IMAGE = 2
    VIDEO = 3
    AUDIO = 4
    FILE = 5
    SYSTEM = 6
    CUSTOM = 100


_TEXT = int(Kind.TEXT)
KIND_NAMES = {kind.name.lower(): kind for kind in Kind}
CLIENT_KINDS = frozenset(Kind) - {Kind.SYSTEM}
COUNTED = CLIENT_KINDS
"""Kinds that count as unread; system entries do not."""


def parse_kind(name: str) -> Kind:
    """Return the kind with this name; an empty name means text.

    Raises:
        ServiceError: INVALID_ARGUMENT for an unknown name or for `system`, which clients cannot send.
    """
    kind = KIND_NAMES.get(name or "text")
    if kind is None or kind not in CLIENT_KINDS:
        allowed = ", ".join(k.name.lower() for k in sorted(CLIENT_KINDS))
        raise invalid("type", f"{name[:40]!r} is not a message type: {allowed} are allowed")
    return kind


def check_content(kind: int, content: str, extra: str) -> None:
    """Refuse content that is empty or too large, or an `extra` that is too large or no JSON object.

    NUL is refused because PostgreSQL has no text with it. That both can be written as UTF-8 is checked by `body_hash`,
    which has to encode them anyway.

    Args:
        content: the text, or for other kinds the text form of what the kind carries (a URL, a JSON document).
        extra: "" or a JSON object as text, carried along untouched.
    """
    if kind == _TEXT:
        if not 0 < len(content) <= MAX_TEXT:
            _refuse_text(content)
    elif kind not in CLIENT_KINDS:
        raise invalid("type", f"{kind} is not a kind of message a client may send")
    elif not content:
        raise invalid("content", "the content is empty")
    elif len(content) > MAX_CONTENT or len(content.encode(errors="replace")) > MAX_CONTENT:
        raise ServiceError(Code.TOO_LARGE, f"the content is over {MAX_CONTENT} bytes", field="content")
    if "\0" in content:
        raise invalid("content", "the content holds a NUL character")
    if extra:
        check_extra(extra)


def _refuse_text(text: str) -> None:
    if not text:
        raise invalid("content", "the content is empty")
    raise ServiceError(Code.TOO_LARGE, f"the text has {len(text)} characters; {MAX_TEXT} are allowed", field="content")


def check_extra(extra: str, field: str = "extra") -> None:
    """Refuse an `extra` that is no JSON object or too large."""
    if not _is_unicode(extra):
        raise invalid(field, f"{field} holds half a surrogate pair, which is no character")
    if len(extra.encode()) > MAX_EXTRA:
        raise ServiceError(Code.TOO_LARGE, f"{field} is over {MAX_EXTRA} bytes", field=field)
    try:
        value = json.loads(extra)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise invalid(field, f"{field} has to be a JSON object")


def _is_unicode(text: str) -> bool:
    """Say whether the text can be written as UTF-8 (a JSON escape can smuggle in half a surrogate pair)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def body_hash(conversation_id: str, kind: int, content: str, extra: str) -> bytes:
    """Return the 16 bytes that say whether two sends under one key are the same message.

    Raises:
        ServiceError: INVALID_ARGUMENT for half a surrogate pair, which is no character and cannot be stored.
    """
    try:
        body = f"{conversation_id}\0{kind}\0{content}\0{extra}".encode()
    except UnicodeEncodeError:
        raise invalid("content", "the content holds half a surrogate pair, which is no character") from None
    return hashlib.blake2b(body, digest_size=16).digest()
