"""The way of messages from connections over a gateway and several logics into one store, with everything going wrong.

Queues too short, a store that fails before or after it has written, links that are lost, logics that drain, rates, and
two names for one conversation; clients send again at once. Whatever happens: everything is stored once, in the order in
which each connection sent it, and answered once.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from resonance.config.engines import StoreConfig
from resonance.config.settings import Rpc, StatusBatcher
from resonance.domain.content import Kind
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import SendAnswer
from resonance.gateway import logic_link
from resonance.gateway.uplink import GatewayUplink
from resonance.ports.registry import Instance, Watch
from resonance.rpc.connector import Connection, Connector, DirectConnector, Logics
from resonance.services.link import DownFrame, UpFrame
from tests.unit.gateway.test_uplink import Collector
from tests.unit.logic.live import Live, running
from tests.unit.logic.test_order import Moody

SEEDS = range(200 if os.environ.get("RESONANCE_SOAK") else 6)
PATIENCE_S = 60
MESSAGES = 60

Name = tuple[str, str]
"""A conversation, or a recipient."""


class Lossy(Connector):
    """Links to one logic that take their time and are lost at random."""

    def __init__(self, live: Live, rng: random.Random) -> None:
        self._inner = DirectConnector(live.hub)
        self.rng = rng
        self.loss = rng.choice([0, 0.005, 0.02])

    async def connect(self, on_frame: Callable[[DownFrame], None], on_lost: Callable[[], None]) -> Connection:
        link = LossyLink(self, on_frame, on_lost)
        link.inner = await self._inner.connect(link.down, link.lose)
        return link


class LossyLink(Connection):
    """Carries frames in order, late; when it is lost, those on their way are."""

    inner: Connection

    def __init__(self, owner: Lossy, on_frame: Callable[[DownFrame], None], on_lost: Callable[[], None]) -> None:
        self._owner = owner
        self._on_lost = on_lost
        self._over = False
        self._up: asyncio.Queue[Callable[[], None]] = asyncio.Queue()
        self._down: asyncio.Queue[Callable[[], None]] = asyncio.Queue()
        self._on_frame = on_frame
        self._tasks = [asyncio.create_task(self._carry(way)) for way in (self._up, self._down)]

    async def _carry(self, way: asyncio.Queue[Callable[[], None]]) -> None:
        rng = self._owner.rng
        while True:
            deliver = await way.get()
            for _ in range(rng.randrange(6)):
                await asyncio.sleep(0)
            if rng.random() < self._owner.loss:
                self.lose()
            if self._over:
                return
            deliver()

    def send(self, frame: UpFrame) -> None:
        self._up.put_nowait(lambda: self.inner.send(frame))

    def down(self, frame: DownFrame) -> None:
        self._down.put_nowait(lambda: self._on_frame(frame))

    def lose(self) -> None:
        if not self._over:
            self._over = True
            asyncio.get_running_loop().call_soon(self._on_lost)

    async def close(self) -> None:
        self._over = True
        for task in self._tasks:
            task.cancel()
        await self.inner.close()


class Downlink(Collector):
    """Hands each answer to whoever waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: dict[int, Callable[[str], None]] = {}

    def answers(self, answers: Sequence[SendAnswer]) -> None:
        for answer in answers:
            self.waiting.pop(answer.ref)(answer.code)  # fails when it is answered twice


class Client:
    """One connection: sends on while there is room in its window, and at once again what was refused, in order."""

    def __init__(self, number: int, uplink: GatewayUplink, downlink: Downlink, rng: random.Random) -> None:
        self.number = number
        self.sent: list[str] = []
        self._uplink = uplink
        self._downlink = downlink
        self._rng = rng
        self._names: list[Name] = rng.choice(
            [[("si_ann_bob", "")], [("si_ann_bob", ""), ("", "bob")], [("", "cid"), ("si_ann_cid", "")]]
        )
        self._window = rng.choice([4, 20, 50])
        self._open: dict[str, Name] = {}  # what is not stored yet, in order
        self._flying: set[str] = set()

    @property
    def is_done(self) -> bool:
        return len(self.sent) == MESSAGES and not self._open

    def turn(self) -> None:
        """Make some messages, and send what is to be sent, or the first part of it."""
        while len(self.sent) < MESSAGES and len(self._open) < self._window and self._rng.random() < 0.7:
            key = f"c{self.number}-{len(self.sent)}"
            self.sent.append(key)
            self._open[key] = self._rng.choice(self._names)
        for key, name in list(self._open.items()):
            if key in self._flying:
                continue
            self._flying.add(key)
            try:
                ref = self._uplink.submit(self.number, "ann", key, *name, Kind.TEXT, key, "", "")
            except ServiceError as error:
                asyncio.get_running_loop().call_soon(self._answered, key, error.code.text)
            else:
                self._downlink.waiting[ref] = lambda code, key=key: self._answered(key, code)  # type: ignore[misc]
            if self._rng.random() < 0.1:
                break

    def _answered(self, key: str, code: str) -> None:
        self._flying.discard(key)
        if code:
            assert Code.of(code).value.retry, code
        else:
            del self._open[key]


@asynccontextmanager
async def world(folder: Path, rng: random.Random) -> AsyncIterator[tuple[Moody, GatewayUplink, Downlink, Watch]]:
    """Run up to three logics over one store, and an uplink to all of them."""
    store = Moody(folder / "resonance.db", StoreConfig())
    await store.start()
    messages: dict[str, object] = {
        "queue_limit": rng.choice([12, 20, 40]),
        "batch_max": rng.choice([5, 12, 512]),
        "per_user_per_second": rng.choice([0, 0, 300]),
    }
    async with AsyncExitStack() as stack:
        connectors: dict[str, Lossy] = {}
        for id_ in "abc"[: rng.randint(1, 3)]:
            live = await stack.enter_async_context(running(store, id_, messages=messages))
            if not connectors:
                await live.people("ann", "bob", "cid")
            connectors[id_] = Lossy(live, rng)
        for peer in ("bob", "cid"):
            await store.open_single("ann", peer)
        watch = Watch()
        watch.set([Instance("logic", id_, "") for id_ in connectors])
        downlink = Downlink()
        rpc = Rpc.model_validate({"heartbeat": 0.5, "deadline": 2, "window": 64})
        uplink = GatewayUplink("g", Logics(watch, lambda one: connectors[one.id]), downlink, rpc, StatusBatcher())
        await uplink.start()
        await uplink.wait_connected()
        yield store, uplink, downlink, watch
        await uplink.close()
    store.close()
    await store.join()


@pytest.mark.parametrize("seed", SEEDS)
async def test_everything_is_stored_once_and_in_order(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure is repeated by its seed, mostly: threads of the store have a part in it."""
    monkeypatch.setattr(logic_link, "RETRY_FIRST_S", 0.001)
    monkeypatch.setattr(logic_link, "RETRY_MOST_S", 0.005)
    rng = random.Random(seed)
    async with world(tmp_path, rng) as (store, uplink, downlink, watch):
        clients = [Client(number, uplink, downlink, rng) for number in (1, 2, 3)]
        store.rng = rng
        async with asyncio.timeout(PATIENCE_S):
            while not all(client.is_done for client in clients):
                for client in clients:
                    client.turn()
                for _ in range(rng.randrange(8)):
                    await asyncio.sleep(0)
                if rng.random() < 0.02:
                    watch.set([Instance("logic", one.id, "", rng.random() < 0.3) for one in watch.instances])
            await uplink.join()
        store.rng = None
        assert not downlink.waiting
        logs = [await store.entries(conversation, 1, 1_000) for conversation in ("si_ann_bob", "si_ann_cid")]
        keys = [entry.client_msg_id for log in logs for entry in log]
        for client in clients:
            assert [key for key in keys if key.startswith(f"c{client.number}-")] == client.sent
