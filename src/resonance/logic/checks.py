"""What a request's fields may hold. Every refusal is INVALID_ARGUMENT and names the field and what is allowed."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from resonance.domain.content import check_extra
from resonance.domain.errors import invalid
from resonance.domain.ids import UserId, check_handle
from resonance.domain.model import Platform

MAX_NICKNAME = 64
MAX_GROUP_NAME = 128
MAX_AVATAR = 1024
MAX_INTRODUCTION = 1024
MAX_REQUEST_MESSAGE = 512
MAX_DEVICE_NAME = 128
MAX_OPAQUE = 512
"""Characters in a cursor, a token or an id that the server made and the client hands back."""
MAX_INTEGER = 2**63 - 1

_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def check_name(value: str, field: str, most: int) -> str:
    """Return a name in NFC without blanks around it, or refuse it: 1 to `most` printable characters on one line.

    Joiners inside (as emoji of families have) are allowed; what reorders text is not, because it lets a name pass for
    another one, and neither is a name of which nothing can be seen.
    """
    name = unicodedata.normalize("NFC", value).strip()
    _check_line(name, field, most)
    if all(unicodedata.category(c) in _INVISIBLE for c in name):
        raise invalid(field, f"{field} is empty: 1 to {most} printable characters are needed")
    return name


def check_label(value: str, field: str, most: int) -> str:
    """Return a name that may be empty."""
    return check_name(value, field, most) if value.strip() else ""


def check_text(value: str, field: str, most: int) -> str:
    """Return a text of several lines that may be empty, or refuse control characters and more than `most`."""
    if len(value) > most:
        raise invalid(field, f"{field} has {len(value)} characters; {most} are allowed")
    if any(unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\r\t" for c in value):
        raise invalid(field, f"{field} holds a control character")
    return value


def check_opaque(value: str, field: str, most: int = MAX_OPAQUE) -> str:
    """Return what a client hands back as it was given (a cursor, a token), or refuse what cannot be one."""
    if len(value) > most or not value.isprintable():
        raise invalid(field, f"{field} is not one of this server's")
    return value


def check_avatar(value: str, field: str = "avatar") -> str:
    """Return a picture's address: "", http(s)://…, or a path on this server."""
    problem = invalid(field, f"{field} has to be empty, an http(s) address or a relative path")
    if len(value) > MAX_AVATAR:
        raise invalid(field, f"{field} has {len(value)} characters; {MAX_AVATAR} are allowed")
    if not value.isprintable() or " " in value:
        raise problem
    try:
        parts = urlsplit(value)
    except ValueError:
        raise problem from None
    if parts.scheme not in {"", "http", "https"} or bool(parts.scheme) != bool(parts.netloc):
        raise problem
    return value


def check_profile_extra(value: str, field: str = "extra") -> str:
    """Return "" or a JSON object as text."""
    if value:
        check_extra(value, field)
    return value


def check_range(value: int, field: str, least: int, most: int) -> int:
    """Return a number of least … most, or refuse it."""
    if not least <= value <= most:
        raise invalid(field, f"{field} is {value}: {least} to {most} are allowed")
    return value


def check_limit(value: int, most: int) -> int:
    """Return how many rows are wanted: 1 to `most`."""
    return check_range(value, "limit", 1, most)


def check_seq(value: int, field: str) -> int:
    """Return a seq; 0 stands for an end of the conversation, a negative one is refused."""
    return check_range(value, field, 0, MAX_INTEGER)


def check_platform(value: int) -> Platform:
    """Return the platform with this number."""
    return Platform(check_range(value, "platform", min(Platform), max(Platform)))


def check_handles(values: Iterable[str], field: str) -> list[UserId]:
    """Return handles in NFC, each once, in their order."""
    return list(dict.fromkeys(check_handle(value, field) for value in values))


def check_count(values: Sequence[object], field: str, most: int) -> None:
    """Refuse a list that is too long, before anything is done per item."""
    if len(values) > most:
        raise invalid(field, f"{field} has {len(values)} items; {most} are allowed")


def _check_line(value: str, field: str, most: int) -> None:
    if len(value) > most:
        raise invalid(field, f"{field} has {len(value)} characters; {most} are allowed")
    if any(c in _BIDI_CONTROLS or unicodedata.category(c) in _UNPRINTABLE for c in value):
        raise invalid(field, f"{field} holds a character that cannot be printed")
