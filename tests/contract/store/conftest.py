"""The stores that the conformance suites run over: one fixture, one parameter per engine and way to reach it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from resonance.config import Settings
from resonance.config.engines import StoreConfig
from resonance.config.settings import Rpc
from resonance.engines.mysql import pool as mysql_pool
from resonance.engines.mysql.address import open_connection
from resonance.engines.postgres import pool as postgres_pool
from resonance.engines.sql.store import SqlStore
from resonance.engines.sqlite import connection
from resonance.engines.sqlite.migrate import migrate
from resonance.engines.sqlite.store import SqliteStore
from resonance.ports.store import Store
from resonance.rpc.channel import open_channel
from resonance.rpc.loopback import loopback
from resonance.rpc.remote import remote
from resonance.rpc.server import RpcServer
from resonance.stores import make_store
from tests.engines import SERVED, Server
from tests.engines.mariadb import MariaDbServer, mariadb_server
from tests.engines.postgres import PostgresServer, postgres_server

SHARES = {"sqlite": 1.0, "loopback": 0.15, "grpc": 0.15, "postgres": 0.15, "mariadb": 0.15}
"""The ways to reach a store, and how much of the random search is worth doing there: a binding has no states."""

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('meta', 'alembic_version')"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty store, to be copied: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "resonance.db"
    migrate(path)
    return path


@asynccontextmanager
async def started(path: Path) -> AsyncIterator[Store]:
    """Run the embedded engine."""
    engine = SqliteStore(path, StoreConfig())
    await engine.start()
    try:
        yield engine
    finally:
        engine.close()
        await engine.join()


@asynccontextmanager
async def over_grpc(engine: Store, folder: Path) -> AsyncIterator[Store]:
    """Serve a store on a unix socket and call it there."""
    settings = Rpc(deadline=20)
    server = RpcServer(f"unix:{folder}/run/store.sock", [(Store, engine)], None, settings)
    await server.start()
    channel = open_channel(server.address, settings)
    try:
        yield remote(Store, channel)
    finally:
        await channel.close()
        await server.terminate()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDbServer]:
    """A running MariaDB."""
    with mariadb_server() as server:
        yield server


def store_on(server: Server) -> SqlStore:
    """Return a store on a server, not started."""
    config = StoreConfig(kind=server.kind, url=SecretStr(server.url()), connections=4, timeout=5)
    return make_store(Settings(store=config))


@asynccontextmanager
async def running(server: Server) -> AsyncIterator[Store]:
    """Run a store on a server for a while."""
    engine = store_on(server)
    await engine.start()
    try:
        yield engine
    finally:
        engine.close()
        await engine.join()


@asynccontextmanager
async def emptied(server: Server) -> AsyncIterator[Store]:
    """Run a store on a database without rows."""
    await clear(server)
    async with running(server) as engine:
        yield engine


async def clear(server: Server) -> None:
    """Delete the rows of a database: migrating an empty one takes longer than most tests."""
    if isinstance(server, PostgresServer):
        await _empty_postgres(server.url())
    else:
        await _empty_mariadb(server.url())


async def _empty_postgres(url: str) -> None:
    connection = await asyncpg.connect(url)
    tables = ", ".join(row[0] for row in await connection.fetch(_TABLES))
    if tables:
        await connection.execute(f"TRUNCATE {tables} RESTART IDENTITY")
        await connection.execute("DELETE FROM meta WHERE name = 'moving'")
    await connection.close()


async def _empty_mariadb(url: str) -> None:
    """Delete all rows: quicker than TRUNCATE, which makes InnoDB's files anew."""
    connection = await open_connection(StoreConfig(kind="mysql", url=SecretStr(url)))
    async with connection.cursor() as cursor:
        await cursor.execute("SHOW TABLES")
        tables = {row[0] for row in await cursor.fetchall()} - {"meta", "alembic_version"}
        for table in tables:
            await cursor.execute(f"DELETE FROM {table}")
        if tables:
            await cursor.execute("UPDATE meta SET value = '0' WHERE name = 'outbox'")
            await cursor.execute("DELETE FROM meta WHERE name = 'moving'")
    await connection.ensure_closed()


@pytest.fixture(
    params=[*(name for name in SHARES if name not in SERVED)]
    + [pytest.param(name, marks=getattr(pytest.mark, name)) for name in SERVED]
)
async def store(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> AsyncIterator[Store]:
    """A started, empty store."""
    if request.param in SERVED:
        async with emptied(request.getfixturevalue(request.param)) as engine:
            yield engine
        return
    path = tmp_path / migrated.name
    shutil.copyfile(migrated, path)
    async with started(path) as engine:
        if request.param == "loopback":
            yield loopback(Store, engine)
        elif request.param == "grpc":
            async with over_grpc(engine, tmp_path) as reached:
                yield reached
        else:
            yield engine


@pytest.fixture
def examples(request: pytest.FixtureRequest) -> Callable[[int], int]:
    """A function from how many examples of a property to try to how many to try over this test's binding."""
    share = SHARES[request.node.callspec.params["store"]]
    return lambda number: max(1, round(number * share))


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A function that lets the store's clock jump ahead by so many ms."""
    real, ahead = connection.wall_ms, [0]
    monkeypatch.setattr(connection, "wall_ms", lambda: real() + ahead[0])
    clocks = [(pool, pool._NOW) for pool in (mysql_pool, postgres_pool)]

    def jump(ms: int) -> None:
        ahead[0] += ms
        for pool, now in clocks:
            monkeypatch.setattr(pool, "_NOW", now.replace(pool.CLOCK, f"{pool.CLOCK} + {ahead[0]}"))

    return jump
