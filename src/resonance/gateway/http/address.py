"""Which address a request came from, when it came through reverse proxies that are trusted."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network


class ClientAddresses:
    """Finds the client's address behind trusted proxies (http.trusted_proxies: addresses or networks)."""

    def __init__(self, trusted: Sequence[str]) -> None:
        """Raises ValueError for what is neither an address nor a network."""
        self._trusted: list[IPv4Network | IPv6Network] = [ip_network(entry) for entry in trusted]

    def find(self, peer: str, forwarded_for: str) -> str:
        """Return the client's address, `peer` when nothing better can be believed.

        Args:
            peer: who opened the connection; "" for a unix socket.
            forwarded_for: the X-Forwarded-For header. Each proxy appends whom it heard from, so it is read from the
                right, and the first address that is no trusted proxy is the client: all to the left of it is hearsay.
        """
        if not self._trusts(peer):
            return peer
        client = peer
        for hop in reversed(forwarded_for.split(",")):
            address = hop.strip()
            if not _is_address(address):
                return client
            client = address
            if not self._trusts(address):
                return client
        return client

    def _trusts(self, text: str) -> bool:
        if not self._trusted or not _is_address(text):
            return False
        address = ip_address(text)
        return any(address in network for network in self._trusted)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
