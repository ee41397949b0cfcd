"""What a dialect's clients ask beside the native packets, as small values; `protocol.commands` has the common ones.

`ref` is whatever the dialect's codec needs to answer the packet: a number, a text, all of a request's head.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from resonance.domain.errors import ServiceError
from resonance.domain.model import Caller
from resonance.protocol.commands import ClientPacket
from resonance.services import LogicServices


class Ask(NamedTuple):
    """A question to logic's services; `work` returns the message that answers it, b"" for none.

    A `ServiceError` that it raises is answered by the codec's `fault` with this `ref`.
    """

    ref: Any
    work: Callable[[LogicServices, Caller], Awaitable[bytes]]


class Refused(NamedTuple):
    """A packet that could be read well enough to be answered, and holds something that is not allowed."""

    ref: Any
    error: ServiceError


class Claimed(NamedTuple):
    """A packet that names its sender; done only when that is the connection's user, else refused with `error`."""

    ref: Any
    user_id: str
    packet: ClientPacket | Ask
    error: ServiceError


Command = ClientPacket | Ask | Refused | Claimed
"""Everything that `Codec.decode` may return."""
