"""The hub: all connections of this gateway, as the link to logic and the handshake see them."""

from __future__ import annotations

import asyncio
import math
import random
import secrets
import time
from collections.abc import Sequence

from picows import WSTransport

from resonance.config.settings import WsConfig
from resonance.domain.closes import Close
from resonance.domain.model import Entry, Principal, Route, SendAnswer
from resonance.gateway.seams import Downlink, Uplink
from resonance.gateway.ws.codec import Codec
from resonance.gateway.ws.commands import Command
from resonance.gateway.ws.connection import Connection
from resonance.gateway.ws.doors import Doors
from resonance.gateway.ws.executor import Executor
from resonance.gateway.ws.fanout import Fanout
from resonance.gateway.ws.given import Given
from resonance.gateway.ws.registry import Registry
from resonance.gateway.ws.replay import Replays
from resonance.gateway.ws.wheel import Wheel
from resonance.observe import metrics
from resonance.protocol.commands import Ready
from resonance.services import LogicServices
from resonance.services.link import PushBatch, RouteRefusal

LINGER_S = 2.0
"""How long a client has to answer our close before it is cut."""
CLOSES_PER_TURN = 256
CLOSE_TURN_S = 0.05
"""A gateway that sends clients away closes so many per turn: about 5,000 a second, which the next one can take."""
RECONNECTS_PER_S = 2_000
"""What the jitter told to clients of a stopping gateway aims at."""
LOOK_MOST_S = 300.0
"""Every connection is looked after at least this often."""
PING_SPREAD = 0.1
"""Pings come up to this part of the interval early, so that connections of one moment do not stay together."""


class Hub(Downlink):
    """Holds the connections and moves what is for them; implements `gateway.seams.Downlink`.

    Attributes:
        config: the settings of connections.
        now: a coarse monotonic clock in seconds, moved by the timer wheel.
        stopping: no further connection is taken.
    """

    def __init__(self, config: WsConfig) -> None:
        self.config = config
        self.now = time.monotonic()
        self.stopping = False
        self._registry = Registry(config)
        self._given = Given()
        self._fanout = Fanout(self._registry.by_user, self._wrote, self.resync, self._given.pushed)
        self._last_number = 0
        # the store that clients were greeted with
        self._store_epoch = ""
        # connections with frames for the end of this tick
        self._dirty: list[Connection] = []
        self._flushing = False
        self._ping_s, self._silence_s = _heartbeat(config)
        self._wheel = Wheel(min(1.0, self._ping_s / 4), self._turn)
        # set while there is no connection
        self._empty = asyncio.Event()
        self._empty.set()

    def bind(self, uplink: Uplink, services: LogicServices, doors: Doors) -> None:
        """Say where packets go, and in which forms they come.

        Called once, before `start`: the uplink is made with the hub as its downlink.
        """
        self._uplink = uplink
        self._executor = Executor(uplink, services, self.config)
        self._replays = Replays(services, self._given, self.config.high_water)
        self._doors = doors

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Begin to watch over connections."""
        self._wheel.start()

    def close(self) -> None:
        """Take no further connection. Idempotent."""
        self.stopping = True

    async def join(self, timeout_s: float) -> None:
        """Send every client away: each is told, gets its answers, and is closed; whoever lingers is cut."""
        self.close()
        jitter_ms = 1_000 + len(self._registry.by_number) * 1_000 // RECONNECTS_PER_S
        self._fanout.broadcast(lambda codec: codec.going_away(jitter_ms))
        try:
            async with asyncio.timeout(timeout_s):
                await self._send_away()
        except TimeoutError:
            self.terminate()
        self._stop()

    def terminate(self) -> None:
        """Cut every connection. Idempotent."""
        self.close()
        for connection in list(self._registry.by_number.values()):
            connection.abort()
        self._stop()

    async def _send_away(self) -> None:
        connections = list(self._registry.by_number.values())
        for start in range(0, len(connections), CLOSES_PER_TURN):
            for connection in connections[start : start + CLOSES_PER_TURN]:
                connection.leave()
            await asyncio.sleep(CLOSE_TURN_S)
        await self._empty.wait()

    def _stop(self) -> None:
        self._wheel.stop()
        self._executor.stop()
        self._replays.stop()
        self._count()

    # ------------------------------------------------------------ used by the handshake

    def check_room(self, address: str) -> None:
        """Refuse a connection there is no room for. Raises BUSY, RATE_LIMITED."""
        self._registry.check_room(address)

    def reserve(self, principal: Principal, address: str, codec: Codec | None) -> Connection:
        """Make the connection of a handshake under way; it can be kicked, and not yet be pushed to.

        Args:
            codec: the form of packets when the client named it; None lets its first message decide.
        """
        self._registry.check_room(address)
        self._last_number += 1
        connection = Connection(self, self._last_number, principal, address, secrets.token_hex(12))
        if codec is not None:
            connection.codec, connection.chosen = codec, True
        self._registry.add(connection)
        self._empty.clear()
        return connection

    # ------------------------------------------------------------ used by connections

    def attach(self, connection: Connection) -> None:
        """The upgrade is complete: greet the client and let pushes reach it."""
        oldest = self._registry.attach(connection)
        self._store_epoch = self._uplink.store_epoch
        connection.send(connection.codec.ready(self._ready(connection)))
        metrics.connections_total.inc()
        connection.heard = self.now
        self._look_in(connection, self._ping_s * (1 - random.uniform(0, PING_SPREAD)))
        if connection.codec.replays:
            self._replays.begin(connection, self._registry.rivals(connection))
        if oldest is not None:
            oldest.close(Close.KICKED)

    def mark(self, connection: Connection) -> None:
        """Write the connection's frames at the end of this tick."""
        connection.dirty = True
        self._dirty.append(connection)
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def recognise(self, opcode: int, payload: bytes) -> Codec:
        """Return the form of packets that a client speaks whose first message this is."""
        return self._doors.recognise(opcode, payload)

    def handle(self, connection: Connection, packet: Command) -> None:
        """Do what the client asks."""
        self._executor.handle(connection, packet)

    def detach(self, connection: Connection) -> None:
        """Nothing may reach the connection from here on."""
        if connection.codec.replays:
            self._given.detached(connection)
        self._registry.detach(connection)
        self._uplink.close_route(connection.number)

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        if connection.codec.replays:
            self._given.ended(connection)
        self._registry.remove(connection)
        self._uplink.close_route(connection.number)
        if not self._registry.by_number:
            self._empty.set()

    def ponged(self, connection: Connection, payload: bytes) -> None:
        """A client whose codec has `replays` has answered a ping."""
        self._given.answered(connection, payload)

    def linger(self, transport: WSTransport) -> None:
        """Cut the transport if the client does not answer our close soon."""
        asyncio.get_running_loop().call_later(LINGER_S, transport.disconnect, False)

    # ------------------------------------------------------------ used by the link to logic

    def routes(self) -> list[Route]:
        """Return every connection with an announced route."""
        return [c.route for c in self._registry.by_number.values() if c.closing is None]

    def answers(self, answers: Sequence[SendAnswer]) -> None:
        """Bring answers to the connections that wait for them."""
        by_number = self._registry.by_number
        for answer in answers:
            connection = by_number.get(answer.connection)
            if connection is not None:
                connection.answered(answer)

    def push(self, batch: PushBatch) -> None:
        """Push entries and signals to the connections of the users they are for."""
        self._fanout.push(batch)

    def tell(self, entry: Entry, user_ids: Sequence[str]) -> list[str]:
        """Give an entry that did not come by the link to the connections of some users."""
        return self._fanout.tell(entry, user_ids)

    def kick(self, device_ids: Sequence[str], close: Close) -> None:
        """End every connection of these devices."""
        for device_id in device_ids:
            for connection in list(self._registry.by_device.get(device_id, ())):
                connection.close(close)

    def refuse(self, refusals: Sequence[RouteRefusal]) -> None:
        """End these connections."""
        for refusal in refusals:
            connection = self._registry.by_number.get(refusal.connection)
            if connection is not None:
                connection.close(Close.of(refusal.close) or Close.LOGGED_OUT)

    def resync(self) -> None:
        """Tell every client that pushes may have been missed; after a restore of the store, have them begin anew."""
        if self._uplink.store_epoch == self._store_epoch:
            self._fanout.broadcast(lambda codec: codec.sync_hint())
            self._begin_anew([c for c in self._registry.by_number.values() if not c.codec.hints])
        else:
            self._given.forget()
            self._begin_anew(list(self._registry.by_number.values()))

    # ------------------------------------------------------------ inside

    def _begin_anew(self, connections: Sequence[Connection]) -> None:
        """End connections whose clients have to catch up, and would not on a hint.

        Because they understand none, or because what they hold, and the seqs they were given, are of another store.
        """
        for turn, start in enumerate(range(0, len(connections), CLOSES_PER_TURN)):
            asyncio.get_running_loop().call_later(
                turn * CLOSE_TURN_S, _close_all, connections[start : start + CLOSES_PER_TURN], Close.RESYNC
            )

    def _ready(self, connection: Connection) -> Ready:
        return Ready(
            connection_id=f"{self._uplink.gateway_id}.{self._uplink.epoch}.{connection.number}",
            user_id=connection.principal.caller.user_id,
            server_time_ms=time.time_ns() // 1_000_000,
            store_epoch=self._uplink.store_epoch,
            ping_interval_s=math.ceil(self.config.ping_interval),
            max_in_flight=self.config.in_flight,
            max_message_size=self.config.max_message_size,
        )

    def _wrote(self, dirty: list[Connection]) -> None:
        """Write these connections' frames at the end of this tick; they are marked already."""
        self._dirty += dirty
        if self._dirty and not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Write what came for each connection in this tick of the loop, as one piece each."""
        self._flushing = False
        dirty, self._dirty = self._dirty, []
        for connection in dirty:
            connection.flush()

    def _turn(self, due: Sequence[int]) -> None:
        """Move the clock, count, and look after the connections whose time has come."""
        self.now = time.monotonic()
        self._count()
        for number in due:
            connection = self._registry.by_number.get(number)
            if connection is not None and connection.closing is None:
                self._look_after(connection)

    def _look_after(self, connection: Connection) -> None:
        """End a connection whose token or patience is over, ping a silent one, and say when to look again."""
        if connection.principal.expires_at <= time.time() * 1000:
            connection.close(Close.TOKEN_EXPIRED)
            return
        if not connection.reading:  # it cannot be heard while we do not listen
            connection.heard = self.now
        silent_s = self.now - connection.heard
        if silent_s >= self._silence_s:
            connection.close(Close.PING_TIMEOUT)
            return
        silent = silent_s >= self._ping_s * (1 - PING_SPREAD)
        if connection.codec.replays:  # its answer proves more than that it lives
            self._given.ask(connection)
        elif silent:
            connection.ping()
        self._look_in(connection, (self._silence_s if silent else self._ping_s) - silent_s)

    def _look_in(self, connection: Connection, delay_s: float) -> None:
        """Look after the connection in so many seconds, or earlier when its token ends."""
        token_s = connection.principal.expires_at / 1000 - time.time()
        self._wheel.after(min(delay_s, token_s, LOOK_MOST_S), connection.number)

    def _count(self) -> None:
        metrics.connections_active.set(len(self._registry.by_number))
        metrics.messages_received.inc(self._executor.chats)
        metrics.pulses.inc(self._executor.pulses)
        self._executor.chats = self._executor.pulses = 0


def _close_all(connections: Sequence[Connection], close: Close) -> None:
    for connection in connections:
        connection.close(close)


def _heartbeat(config: WsConfig) -> tuple[float, float]:
    """Return after how much silence to ping and to cut; an interval of 0 switches either off.

    A ping has to have a chance, so it comes at half of the time-out at the latest.
    """
    silence_s = config.pong_timeout or math.inf
    return min(config.ping_interval or math.inf, silence_s / 2), silence_s
