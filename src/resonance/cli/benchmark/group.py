"""The load of one group: how much a delivered frame costs."""

from __future__ import annotations

import asyncio
import secrets
from time import perf_counter

from resonance._proto.gateway.v1.packet_pb2 import WsPacket
from resonance.cli.benchmark.checks import Faults
from resonance.cli.benchmark.jobs import TEXT, GroupJob, Outcome
from resonance.cli.benchmark.packets import ChatFrames, key_of
from resonance.cli.benchmark.peer import Peer

CONNECTS = 50
"""Connects under way at a time."""
TICK_LIMIT = 60.0
"""Seconds that one tick's messages may take to reach everybody."""


class Group:
    """Runs a `GroupJob`."""

    def __init__(self, job: GroupJob) -> None:
        self._job = job
        self._outcome = Outcome()
        self._faults = Faults()
        self._frames = ChatFrames(job.conversation_id, TEXT)
        self._peers: list[Peer] = []
        # By member, the last seq that was pushed; 0 before the first.
        self._last = [0] * len(job.tokens)
        self._sent = 0
        self._sent_at = 0.0
        # Acks and pushes that are still to come in this tick.
        self._missing = 0
        self._all = asyncio.Event()

    async def connect(self) -> None:
        """Open all connections."""
        self._peers = [Peer(number, self._handle) for number in range(len(self._job.tokens))]
        limit = asyncio.Semaphore(CONNECTS)

        async def open_one(peer: Peer) -> None:
            async with limit:
                await peer.open(self._job.url, self._job.tokens[peer.number])

        await asyncio.gather(*map(open_one, self._peers))

    async def run(self) -> Outcome:
        """Write tick after tick, check, and return what was seen."""
        nonce = secrets.randbits(47)
        begin = perf_counter()
        while perf_counter() < begin + self._job.seconds and not self._faults.count:
            await self._tick(nonce)
        outcome = self._outcome
        outcome.seconds = perf_counter() - begin
        outcome.messages, outcome.frames = len(outcome.acks), len(outcome.deliveries)
        for peer in self._peers:
            if peer.lost is not None:
                self._faults.add(f"connection {peer.number} was lost with {peer.lost}")
        outcome.faults, outcome.texts = self._faults.count, self._faults.texts
        return outcome

    def close(self) -> None:
        """Close all connections."""
        for peer in self._peers:
            peer.close()

    async def _tick(self, nonce: int) -> None:
        self._all.clear()
        self._missing = self._job.burst * len(self._peers)
        self._sent_at = perf_counter()
        for _ in range(self._job.burst):
            self._peers[0].write(self._frames.frame(key_of(nonce, self._sent)))
            self._sent += 1
        try:
            await asyncio.wait_for(self._all.wait(), TICK_LIMIT)
        except TimeoutError:
            self._faults.add(f"{self._missing} acks and pushes did not come in {TICK_LIMIT:.0f} s")

    def _handle(self, peer: Peer, packet: WsPacket) -> None:
        latency = (perf_counter() - self._sent_at) * 1000
        if packet.HasField("push"):
            # Joins and earlier ticks are over: whatever comes is of this one, the next in line.
            self._follow(peer.number, packet.push.seq_id)
            self._outcome.deliveries.append(latency)
        elif packet.HasField("ack"):
            if packet.ack.code:
                self._faults.add(f"refused: {packet.ack.code}: {packet.ack.error}")
            self._outcome.acks.append(latency)
        else:
            return
        self._missing -= 1
        if self._missing == 0:
            self._all.set()

    def _follow(self, member: int, seq: int) -> None:
        last = self._last[member]
        if last and seq != last + 1:
            self._faults.add(f"member {member} was pushed {seq} after {last}")
        self._last[member] = seq
