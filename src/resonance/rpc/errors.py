"""Refusals on their way between processes, and what becomes of mistakes."""

from __future__ import annotations

import json

from resonance.domain.errors import Code, ServiceError


def pack(error: ServiceError) -> bytes:
    """Return an error as the bytes that travel in a call's trailing metadata (JSON, ASCII)."""
    fields = {
        "code": error.code.text,
        "message": error.message,
        "field": error.field,
        "retry_after_ms": error.retry_after_ms,
    }
    return json.dumps(fields, separators=(",", ":")).encode()


def unpack(data: bytes) -> ServiceError:
    """Return the error in `pack`'s bytes; a code of a newer peer reads as INTERNAL.

    Raises:
        ValueError: the bytes are none of `pack`'s.
    """
    try:
        fields = json.loads(data)
        return ServiceError(
            Code.of(fields["code"]),
            fields["message"],
            field=fields["field"],
            retry_after_ms=fields["retry_after_ms"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"no error of this server: {data[:100]!r}") from error
