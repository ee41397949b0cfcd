"""What every engine of the registry port promises; an engine's test file inherits a class and makes the engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import pytest

from resonance.ports.registry import Instance, Registry, Watch

PATIENCE_S = 20.0

ANNA = Instance("logic-service", "anna", "127.0.0.1:1")
BERT = Instance("logic-service", "bert", "127.0.0.1:2")


async def until(watch: Watch, *expected: Instance) -> None:
    """Wait until a set is this one."""
    async with asyncio.timeout(PATIENCE_S):
        while sorted(watch.instances, key=lambda one: one.id) != sorted(expected, key=lambda one: one.id):
            await watch.wait(watch.instances)


@asynccontextmanager
async def closing(registry: Registry) -> AsyncIterator[Registry]:
    """Use a registry and close it."""
    try:
        yield registry
    finally:
        await registry.close()


class RegistrySuite:
    """Subclasses say how a registry is made that knows some instances of `logic-service`."""

    def knowing(self, addresses: Sequence[str]) -> AbstractAsyncContextManager[Registry]:
        """Return a registry in which somebody else put these instances of logic-service."""
        raise NotImplementedError

    async def test_a_watch_knows_at_once(self) -> None:
        """A role that starts calls others with its first request."""
        async with self.knowing(["127.0.0.1:1", "unix:/run/logic.sock"]) as registry:
            watch = await registry.watch("logic-service")
            assert sorted(one.address for one in watch.instances) == ["127.0.0.1:1", "unix:/run/logic.sock"]
            assert {one.service for one in watch.instances} == {"logic-service"}
            assert not any(one.draining for one in watch.instances)

    async def test_a_set_is_sorted_and_its_ids_differ(self) -> None:
        """Pickers depend on it: callers with the same set have to choose alike."""
        async with self.knowing(["127.0.0.1:3", "127.0.0.1:1", "127.0.0.1:2"]) as registry:
            ids = [one.id for one in (await registry.watch("logic-service")).instances]
            assert ids == sorted(set(ids))
            assert len(ids) == 3

    async def test_registering_is_repeatable_and_closing_too(self) -> None:
        async with self.knowing(["127.0.0.1:1"]) as registry:
            for _ in range(2):
                await registry.register(Instance("gateway-service", "g", "127.0.0.1:9"))
            await registry.close()

    async def test_the_last_set_outlives_the_registry(self) -> None:
        """Calls that are under way while a process stops still find their way."""
        async with self.knowing(["127.0.0.1:1"]) as registry:
            watch = await registry.watch("logic-service")
            await registry.close()
            assert [one.address for one in watch.instances] == ["127.0.0.1:1"]


class SharedRegistrySuite(RegistrySuite):
    """What engines promise that let instances find one another by themselves."""

    def make(self) -> Registry:
        """Return one more process's way to the same registry."""
        raise NotImplementedError

    @asynccontextmanager
    async def knowing(self, addresses: Sequence[str]) -> AsyncIterator[Registry]:
        """Let another process register them."""
        async with closing(self.make()) as other, closing(self.make()) as registry:
            for address in addresses:
                await other.register(Instance("logic-service", f"logic at {address}", address))
            yield registry

    @pytest.fixture
    async def pair(self) -> AsyncIterator[tuple[Registry, Registry]]:
        """Two processes."""
        async with closing(self.make()) as one, closing(self.make()) as other:
            yield one, other

    async def test_who_comes_and_who_goes_is_seen(self, pair: tuple[Registry, Registry]) -> None:
        one, other = pair
        watch = await other.watch("logic-service")
        assert watch.instances == ()
        await one.register(ANNA)
        await until(watch, ANNA)
        await other.register(BERT)
        await until(watch, ANNA, BERT)
        await one.close()
        await until(watch, BERT)

    async def test_what_has_changed_about_an_instance_is_seen(self, pair: tuple[Registry, Registry]) -> None:
        """Draining is such a change."""
        one, other = pair
        watch = await other.watch("logic-service")
        await one.register(ANNA)
        await until(watch, ANNA)
        draining = replace(ANNA, draining=True, metadata={"metrics": "127.0.0.1:9092", "host": "größer"})
        await one.register(draining)
        await until(watch, draining)

    async def test_registering_returns_once_others_can_know(self, pair: tuple[Registry, Registry]) -> None:
        one, other = pair
        await one.register(ANNA)
        assert (await other.watch("logic-service")).instances == (ANNA,)

    async def test_services_do_not_see_one_another(self, pair: tuple[Registry, Registry]) -> None:
        """Also when the name of one begins with that of another."""
        one, other = pair
        longer = replace(ANNA, service="logic-service-2")
        await one.register(longer)
        watch = await other.watch("logic-service-2")
        assert watch.instances == (longer,)
        assert (await other.watch("logic-service")).instances == ()

    async def test_waiting_tells_only_of_changes(self, pair: tuple[Registry, Registry]) -> None:
        one, other = pair
        watch = await other.watch("logic-service")
        waiting = asyncio.create_task(watch.wait(()))
        await one.register(replace(ANNA, service="repo-service"))
        await one.register(ANNA)
        async with asyncio.timeout(PATIENCE_S):
            assert await waiting == (ANNA,)
        assert await watch.wait(()) == (ANNA,)
