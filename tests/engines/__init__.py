"""Real servers of engines, started by the tests on free ports in temporary folders."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.engines.mariadb import MariaDbServer, mariadb_server
from tests.engines.postgres import PostgresServer, postgres_server

Server = PostgresServer | MariaDbServer

SERVED: dict[str, Callable[[], AbstractContextManager[Server]]] = {
    "postgres": postgres_server,
    "mariadb": mariadb_server,
}
"""The servers that a store may be on, by the marker of the tests that need them."""
