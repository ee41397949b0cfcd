"""What a test expects of a refused call."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from resonance.domain.errors import Code, ServiceError


async def refused(call: Awaitable[object], code: Code, field: str | None = None) -> ServiceError:
    """Await a call that has to be refused with this code (and about this field); return the refusal."""
    with pytest.raises(ServiceError) as caught:
        await call
    assert caught.value.code is code, str(caught.value)
    assert field is None or caught.value.field == field, str(caught.value)
    return caught.value
