"""Which connections are GoChat's."""

from __future__ import annotations

from starlette.responses import Response

from resonance.domain.errors import ServiceError
from resonance.gateway.dialects.gochat.codec import GoChatCodec
from resonance.gateway.dialects.gochat.envelope import refusal
from resonance.gateway.dialects.gochat.examples import EXAMPLES
from resonance.gateway.ws.doors import Door, Fields


class GoChatDoor(Door):
    """Its web client connects to /ws with a token of its own login, which says whose it is."""

    examples = EXAMPLES

    def __init__(self, name: str) -> None:
        super().__init__(name, GoChatCodec())

    def recognises(self, fields: Fields) -> bool:
        """Say whether a first message is one of its frames."""
        return "type" in fields and "data" in fields

    def refusal(self, error: ServiceError) -> Response:
        """Refuse an upgrade."""
        return refusal(error, error.code.value.status)
