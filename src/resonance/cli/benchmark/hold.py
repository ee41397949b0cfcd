"""The load of connections: opening many at once, and holding them."""

from __future__ import annotations

import asyncio
from time import perf_counter

from resonance._proto.gateway.v1.packet_pb2 import WsPacket
from resonance.cli.benchmark.checks import Faults
from resonance.cli.benchmark.jobs import HoldJob, Outcome
from resonance.cli.benchmark.peer import Peer


class Hold:
    """Runs a `HoldJob`: `run` opens the connections, which stay open until `close`."""

    def __init__(self, job: HoldJob) -> None:
        self._job = job
        self._peers: list[Peer] = []
        self._faults = Faults()
        self._outcome = Outcome()

    async def connect(self) -> None:
        """Do nothing yet: connecting is what is measured."""
        self._peers = [Peer(number, _ignore) for number in range(len(self._job.tokens))]

    async def run(self) -> Outcome:
        """Open all connections and return how long each took."""
        limit = asyncio.Semaphore(self._job.at_once)
        begin = perf_counter()

        async def open_one(peer: Peer) -> None:
            async with limit:
                start = perf_counter()
                try:
                    await peer.open(self._job.url, self._job.tokens[peer.number])
                except Exception as exc:  # whatever it was, it is a connect that failed
                    self._faults.add(f"a connect failed: {exc!r}")
                else:
                    self._outcome.connects.append((perf_counter() - start) * 1000)

        await asyncio.gather(*map(open_one, self._peers))
        outcome = self._outcome
        outcome.seconds = perf_counter() - begin
        outcome.faults, outcome.texts = self._faults.count, self._faults.texts
        return outcome

    def close(self) -> None:
        """Close all connections."""
        for peer in self._peers:
            peer.close()


def _ignore(_: Peer, __: WsPacket) -> None:
    """Signals of presence and the like are of no interest."""
