"""Which connections there are: by number, user, device and address, and how many of each there may be."""

from __future__ import annotations

from collections import defaultdict

from resonance.config.settings import WsConfig
from resonance.domain.errors import Code, ServiceError
from resonance.gateway.ws.connection import Connection

RETRY_AFTER_MS = 5_000
"""How long a client that found no room should stay away."""


class Registry:
    """Every connection from the handshake to the transport's end.

    Attributes:
        by_number: all of them.
        by_user: those that may be pushed to, oldest first.
        by_device: all that are not closing, so that a kick also finds one in its handshake.
    """

    def __init__(self, config: WsConfig) -> None:
        self.by_number: dict[int, Connection] = {}
        self.by_user: dict[str, list[Connection]] = {}
        self.by_device: dict[str, list[Connection]] = {}
        self._config = config
        self._addresses: defaultdict[str, int] = defaultdict(int)

    def check_room(self, address: str) -> None:
        """Refuse a further connection where there is no room for it.

        Raises:
            ServiceError: BUSY when the gateway is full, RATE_LIMITED when the address has all it may have.
        """
        if len(self.by_number) >= self._config.max_connections:
            raise ServiceError(
                Code.BUSY,
                f"the gateway holds {self._config.max_connections} connections, which is all it may",
                retry_after_ms=RETRY_AFTER_MS,
            )
        limit = self._config.max_connections_per_address
        if limit and self._addresses.get(address, 0) >= limit:
            raise ServiceError(
                Code.RATE_LIMITED,
                f"{address} has {limit} connections, which is all it may have",
                retry_after_ms=RETRY_AFTER_MS,
            )

    def add(self, connection: Connection) -> None:
        """Take a connection that begins its handshake."""
        self.by_number[connection.number] = connection
        self.by_device.setdefault(connection.principal.caller.device_id, []).append(connection)
        self._addresses[connection.address] += 1

    def attach(self, connection: Connection) -> Connection | None:
        """Let pushes reach it; return the user's oldest connection when it is one too many."""
        connections = self.by_user.setdefault(connection.principal.caller.user_id, [])
        connections.append(connection)
        return connections[0] if len(connections) > self._config.max_connections_per_user else None

    def rivals(self, connection: Connection) -> list[Connection]:
        """Return the other connections of its device."""
        device_id = connection.principal.caller.device_id
        return [other for other in self.by_device.get(device_id, ()) if other is not connection]

    def detach(self, connection: Connection) -> None:
        """Let no push or kick reach it. Idempotent."""
        caller = connection.principal.caller
        _drop(self.by_user, caller.user_id, connection)
        _drop(self.by_device, caller.device_id, connection)

    def remove(self, connection: Connection) -> None:
        """Forget it."""
        self.detach(connection)
        if self.by_number.pop(connection.number, None) is None:
            return
        self._addresses[connection.address] -= 1
        if not self._addresses[connection.address]:
            del self._addresses[connection.address]


def _drop(index: dict[str, list[Connection]], key: str, connection: Connection) -> None:
    connections = index.get(key)
    if connections is None or connection not in connections:
        return
    connections.remove(connection)
    if not connections:
        del index[key]
