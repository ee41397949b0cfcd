"""Users whom gateways of GoChat's tell of: whoever is not confirmed in time is offline, and nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from resonance._proto.im.repo.v1 import repo_pb2 as pb
from resonance.config.settings import Rpc
from resonance.gateway.dialects.gochat.servants.online import TTL_S, OnlineStatusServant
from resonance.gateway.foreign_gateways import Gateways
from resonance.services.delivery import Delivery
from tests.unit.gateway.dialects.test_resonance_gateways import Link


class Routes(Delivery):
    """Who is offline by the links."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def deliver_entries(self, entries: Sequence[Any], audience: Sequence[Any]) -> None:
        raise NotImplementedError

    async def deliver_signals(self, signals: Sequence[Any]) -> None:
        raise NotImplementedError

    async def offline(self, user_ids: Sequence[str]) -> list[str]:
        online = {user for session in self._link.sessions for user in session.users}
        return [user for user in user_ids if user not in online]


class Service:
    """A call of a service."""

    async def service(self) -> None:
        """Let it in."""


CALL: Any = Service()


@pytest.fixture
def gateways() -> Gateways:
    return Gateways("gochat", Link(), Rpc(), TTL_S)


@pytest.fixture
def servant(gateways: Gateways) -> OnlineStatusServant:
    link = gateways._link
    assert isinstance(link, Link)
    return OnlineStatusServant(gateways, Routes(link))


async def online(servant: OnlineStatusServant, *users: str) -> list[bool]:
    return [status.is_online for status in await servant.statuses(users)]


async def set_online(servant: OnlineStatusServant, user: str) -> None:
    await servant.set_user_online(pb.SetUserOnlineRequest(user_id=user, gateway_id="g"), CALL)


async def test_who_is_not_confirmed_in_time_is_offline(gateways: Gateways, servant: OnlineStatusServant) -> None:
    for user in ("ann", "bob", "cid"):
        await set_online(servant, user)
    gateway = gateways.named("g")
    for late in ("ann", "bob"):
        gateway.seen[late] -= TTL_S + 1
    beat = await servant.update_heartbeat(pb.UpdateHeartbeatRequest(user_id="bob", gateway_id="g"), CALL)
    assert not beat.success, "too late: it has to be set again"
    await servant.update_heartbeat(pb.UpdateHeartbeatRequest(user_id="cid", gateway_id="g"), CALL)
    assert await online(servant, "ann", "bob", "cid") == [False, False, True]
    gateway.cut()


async def test_who_is_set_online_late_stays_online(gateways: Gateways, servant: OnlineStatusServant) -> None:
    await set_online(servant, "ann")
    gateway = gateways.named("g")
    gateway.seen["ann"] -= TTL_S + 1
    await set_online(servant, "ann")
    assert await online(servant, "ann") == [True]
    gateway.cut()


async def test_a_gateway_that_is_silent_has_nobody_online(gateways: Gateways, servant: OnlineStatusServant) -> None:
    await set_online(servant, "ann")
    gateways.named("g").silence = 0.0
    [status] = await servant.statuses(["ann"])
    assert status.gateway_id == ""
    beat = await servant.update_heartbeat(pb.UpdateHeartbeatRequest(user_id="ann", gateway_id="g"), CALL)
    assert not beat.success
    gateways.named("g").cut()


async def test_a_gateway_that_speaks_again_after_its_silence_begins_with_nobody(
    gateways: Gateways, servant: OnlineStatusServant
) -> None:
    """Also before the next heartbeat would have ended its link: logic is told of those who are left, and no others."""
    await set_online(servant, "ann")
    gateway = gateways.named("g")
    gateway.silence = 0.0
    await set_online(servant, "bob")
    link = gateways._link
    assert isinstance(link, Link)
    assert [sorted(session.users) for session in link.sessions][-1] == ["bob"]
    assert list(gateway.seen) == ["bob"]
    gateway.cut()


async def test_the_longest_unconfirmed_stands_first(gateways: Gateways, servant: OnlineStatusServant) -> None:
    """So that nobody who is fresh is looked at when the old are looked for."""
    for user in ("ann", "bob", "ann"):
        await set_online(servant, user)
    gateway = gateways.named("g")
    assert list(gateway.seen) == ["bob", "ann"]
    gateway.cut()
