"""Which connections are Nexo's, and what their requests have to hold (wire.md 2.2.3)."""

from __future__ import annotations

from types import MappingProxyType

from starlette.responses import Response

from resonance.domain.errors import ServiceError, invalid
from resonance.domain.model import Principal
from resonance.gateway.dialects.nexo.codec import NexoCodec
from resonance.gateway.dialects.nexo.envelope import upgrade_refusal
from resonance.gateway.dialects.nexo.errors import UserMismatchError
from resonance.gateway.dialects.nexo.examples import EXAMPLES
from resonance.gateway.ws.doors import Door, Fields
from resonance.gateway.ws.upgrade import UpgradeRequest


class NexoDoor(Door):
    """Its clients say who they are in the query, beside the token."""

    examples = EXAMPLES
    query = MappingProxyType(
        {
            "token": "The access token.",
            "send_id": "The user of the token.",
            "platform_id": "The platform of the token, 1 to 5.",
            "operation_id": "What the client calls this connection.",
        }
    )

    def __init__(self, name: str) -> None:
        super().__init__(name, NexoCodec(), paths=("/im/ws",))

    def claims(self, request: UpgradeRequest) -> bool:
        """Say whether a request names a user, which only these clients' do."""
        return "send_id" in request.query

    def recognises(self, fields: Fields) -> bool:
        """Say whether a first message is one of its requests."""
        return "req_identifier" in fields

    def check(self, request: UpgradeRequest) -> None:
        """Refuse a request without a token or a user (400)."""
        if not request.token:
            raise invalid("token", "token is missing")
        if not request.query.get("send_id"):
            raise invalid("send_id", "send_id is missing")
        platform = request.query.get("platform_id", "")
        if platform and platform not in ("0", "1", "2", "3", "4", "5"):
            raise invalid("platform_id", f"{platform[:20]!r} is not a platform: 1 to 5 are, and 0 for unknown")

    def check_principal(self, request: UpgradeRequest, principal: Principal) -> None:
        """Refuse a token of another user, or one that was issued for another platform (401)."""
        caller = principal.caller
        if request.query["send_id"] != caller.user_id:
            raise UserMismatchError("send_id is not the user of the token")
        if request.query.get("platform_id") not in (None, "", str(caller.platform)):
            raise UserMismatchError(f"the token is for platform {caller.platform}")

    def refusal(self, error: ServiceError) -> Response:
        """Refuse an upgrade by an HTTP status."""
        return upgrade_refusal(error)
