"""Where the server is, which of the two it is, and what every connection to it is set to."""

from __future__ import annotations

import math
import re
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from asyncmy import Connection, connect
from asyncmy.constants import CLIENT

from resonance.config.engines import StoreConfig
from resonance.domain.errors import Code, ServiceError
from resonance.ports.store import MAX_TRANSACTION_MS, STALLED_TRANSACTION_MS

EXAMPLE = "mysql://user:password@host:3306/database"
LOCK_WAIT_S = 5
"""How long a statement waits for a row, at most; then its transaction is tried again."""
_OPTIONS = {"ssl-mode", "ssl-ca", "socket"}
_MODES = ("disabled", "required", "verify_identity")
_SQL_MODE = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ANSI_QUOTES"


@dataclass(frozen=True, slots=True)
class Server:
    """One of the two servers.

    Attributes:
        oldest: the oldest version that has what we need: atomic DDL, and the collation.
        collation: by bytes, and "a" is not "a ": what their `utf8mb4_bin` pads is equal to it.
        limit: the setting that bounds a statement; MySQL's bounds those that read.
        status: the table of status variables.
    """

    name: str
    oldest: tuple[int, ...]
    collation: str
    limit: str
    status: str

    @property
    def boot(self) -> str:
        """The query for the second at which the server started: both numbers in it are of one moment."""
        uptime = f"SELECT variable_value FROM {self.status} WHERE variable_name = 'Uptime'"  # noqa: S608 - a constant
        return f"SELECT UNIX_TIMESTAMP() - CAST(({uptime}) AS SIGNED)"


_MARIADB = Server(
    name="MariaDB",
    oldest=(10, 6),
    collation="utf8mb4_nopad_bin",
    limit=(
        f"max_statement_time = {MAX_TRANSACTION_MS // 1000}, "
        f"idle_transaction_timeout = {STALLED_TRANSACTION_MS // 1000}"
    ),
    status="information_schema.global_status",
)
_MYSQL = Server(
    name="MySQL",
    oldest=(8, 0, 17),
    collation="utf8mb4_0900_bin",
    limit=f"max_execution_time = {MAX_TRANSACTION_MS}",
    status="performance_schema.global_status",
)


async def open_connection(config: StoreConfig) -> Connection:
    """Connect. Raises ServiceError INVALID_ARGUMENT for a wrong address, and what the driver raises."""
    return await connect(**parameters(config))


def server_of(connection: Connection) -> Server:
    """Return which server this is. Raises ServiceError STORAGE_UNAVAILABLE for one that is too old."""
    text = connection.get_server_info()
    server = _MARIADB if "mariadb" in text.lower() else _MYSQL
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", text.removeprefix("5.5.5-"))  # the prefix is MariaDB's, for old clients
    version = tuple(map(int, found.groups())) if found else ()
    if version < server.oldest:
        oldest = ".".join(map(str, server.oldest))
        raise ServiceError(Code.STORAGE_UNAVAILABLE, f"this {server.name} is {text}; {oldest} or newer is needed")
    return server


def session(server: Server, config: StoreConfig, *, limited: bool = True) -> str:
    """Return the statement that makes a new connection ours; a migration's statements may last (not `limited`).

    A connection that stays silent for as long as a transaction may last is closed by the server, so that a process that
    was stopped in the middle of one lets go of its rows.
    """
    wait = max(1, min(LOCK_WAIT_S, math.floor(config.timeout / 2)))
    limit = f", {server.limit}" if limited else ""
    return (
        f"SET NAMES utf8mb4 COLLATE {server.collation}, time_zone = '+00:00', sql_mode = '{_SQL_MODE}', "
        f"innodb_lock_wait_timeout = {wait}, wait_timeout = {MAX_TRANSACTION_MS // 1000}, "
        f"default_storage_engine = InnoDB{limit}"
    )


def parameters(config: StoreConfig) -> dict[str, Any]:
    """Return what the driver connects with. Raises ServiceError INVALID_ARGUMENT, naming no password."""
    if config.url is None:
        raise _wrong(f"store.kind is mysql, and store.url is not set: {EXAMPLE}")
    url = urlsplit(config.url.get_secret_value())
    try:
        port = url.port or 3306
    except ValueError:
        raise _wrong("the port in store.url is no number from 1 to 65535") from None
    options = dict(parse_qsl(url.query))
    if url.scheme not in ("mysql", "mariadb") or not url.hostname or not url.username or len(url.path) < 2:
        raise _wrong(f"store.url does not look like {EXAMPLE}")
    if unknown := set(options) - _OPTIONS:
        raise _wrong(f"store.url has the option {min(unknown)!r}; {', '.join(sorted(_OPTIONS))} are known")
    return {
        "host": url.hostname,
        "port": port,
        "user": unquote(url.username),
        "password": unquote(url.password or ""),
        "database": unquote(url.path[1:]),
        "unix_socket": options.get("socket"),
        "ssl": _tls(options),
        "charset": "utf8mb4",
        "connect_timeout": max(config.timeout, 0.1),
        "autocommit": True,
        "client_flag": CLIENT.FOUND_ROWS,  # an update counts the rows it finds, not those it changes, as elsewhere
        "program_name": "resonance",
    }


def _tls(options: dict[str, str]) -> ssl.SSLContext | None:
    """Return how to encrypt; None for not at all."""
    mode = options.get("ssl-mode", "verify_identity" if "ssl-ca" in options else "disabled")
    if mode not in _MODES:
        raise _wrong(f"ssl-mode in store.url is {mode!r}; {', '.join(_MODES)} are allowed")
    if mode == "disabled":
        return None
    try:
        context = ssl.create_default_context(cafile=options.get("ssl-ca"))
    except OSError as error:
        raise _wrong(f"ssl-ca in store.url cannot be read: {error}") from error
    if mode == "required":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _wrong(detail: str) -> ServiceError:
    return ServiceError(Code.INVALID_ARGUMENT, detail, field="store.url")
