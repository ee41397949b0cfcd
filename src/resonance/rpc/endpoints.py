"""Addresses of roles: `unix:path`, `host:port` or `[v6]:port`."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

_MAX_UNIX_PATH = 107
"""Bytes in a unix socket's path (Linux: sizeof sun_path - 1)."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a role listens: a unix socket (`path`), or a host and a port.

    Attributes:
        port: 0 takes any free one, for listening.
    """

    path: Path | None = None
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Return the endpoint that a text means. Raises ValueError, saying what is allowed."""
        if text.startswith("unix:") and text != "unix:":
            return cls(path=_unix_path(text.removeprefix("unix:")))
        host, colon, port = text.rpartition(":")
        if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
            raise ValueError(f"{text!r} is no address: write unix:path, host:port or [v6]:port")
        return cls(host=host.removeprefix("[").removesuffix("]"), port=int(port))

    @property
    def target(self) -> str:
        """The address as gRPC takes it."""
        if self.path is not None:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def private(self) -> bool:
        """Whether only this machine reaches it: a unix socket or a loopback address."""
        if self.path is not None or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def _unix_path(text: str) -> Path:
    if len(text.encode()) > _MAX_UNIX_PATH:
        raise ValueError(f"the path of the unix socket {text!r} is over {_MAX_UNIX_PATH} bytes")
    return Path(text)
