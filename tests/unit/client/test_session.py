"""What a session does at the turns that the random walks do not single out."""

from __future__ import annotations

import random

import pytest

from resonance.domain.closes import Close
from resonance.domain.errors import Code, ServiceError
from resonance.protocol.actions import Connect, End
from resonance.protocol.backoff import Backoff
from resonance.protocol.commands import GoingAway
from resonance.protocol.outgoing import MAX_ATTEMPTS
from resonance.protocol.session import GAP_GRACE, Phase, Session
from tests.unit.client.model import World


@pytest.fixture
def world() -> World:
    """A session whose first connection is open and synced."""
    world = World({})
    world.connect()
    world.settle()
    return world


@pytest.mark.parametrize("close", [close for close in Close if close is not Close.TOKEN_EXPIRED])
def test_the_close_code_alone_decides_whether_to_come_back(world: World, close: Close) -> None:
    world.disconnect(close.number)
    if close.value.reconnect:
        assert world.connects
        assert not world.ended
    else:
        assert not world.connects
        assert world.session.phase is Phase.ENDED


@pytest.mark.parametrize(("number", "comes_back"), [(0, True), (1006, True), (4499, True), (4599, False)])
def test_an_unknown_code_is_judged_by_its_range(world: World, number: int, comes_back: bool) -> None:
    world.disconnect(number)
    assert bool(world.connects) is comes_back


def test_an_expired_token_is_refreshed_once(world: World) -> None:
    world.disconnect(Close.TOKEN_EXPIRED.number)
    assert world.connects == [Connect(0.0, refresh=True)]
    world.session.refreshed()
    refused = world.session.unauthenticated(ServiceError(Code.TOKEN_EXPIRED))
    assert [type(action) for action in refused] == [End]


def test_a_refresh_that_failed_for_a_while_is_still_due(world: World) -> None:
    world.disconnect(Close.TOKEN_EXPIRED.number)
    [again] = world.session.lost(0, world.now)
    assert isinstance(again, Connect)
    assert again.refresh


def test_after_a_good_connection_a_token_may_expire_again(world: World) -> None:
    for _ in range(3):
        world.disconnect(Close.TOKEN_EXPIRED.number)
        world.session.refreshed()
        world.connect()
    assert not world.ended


def test_a_push_that_overtook_its_predecessor_needs_no_pull(world: World) -> None:
    world.peer_sends("sg_b", "k1")
    world.send("sg_b", "k2")
    world.serve()
    world.arrive()  # the ack of seq 2, before the push of seq 1
    assert "sg_b" not in world.delivered
    world.push_arrives("sg_b")
    world.pass_time(2 * GAP_GRACE)
    assert [entry.seq for entry in world.delivered["sg_b"]] == [1, 2]
    assert not world.pulls


def test_a_gap_that_stays_is_pulled_once(world: World) -> None:
    for key in ("k1", "k2", "k3"):
        world.peer_sends("sg_b", key)
    world.pushes["sg_b"].popleft()
    world.push_arrives("sg_b")
    world.push_arrives("sg_b")
    world.pass_time(GAP_GRACE)
    assert [(pull.conversation_id, pull.begin) for pull, _ in world.pulls] == [("sg_b", 1)]


def test_without_positions_only_news_is_delivered() -> None:
    world = World(None)
    for key in ("k1", "k2"):
        world.peer_sends("sg_b", key)
    world.connect()
    world.peer_sends("sg_b", "k3")
    world.settle()
    world.peer_sends("sg_c", "k4")
    world.settle()
    assert {name: [entry.seq for entry in found] for name, found in world.delivered.items()} == {
        "sg_b": [3],
        "sg_c": [1],
    }


def test_an_entry_that_was_announced_but_cannot_be_seen_is_not_waited_for(world: World) -> None:
    """Such as one after the end of a closed window: the pull's end is the truth."""
    world.peer_sends("sg_b", "k1")
    world.peer_sends("sg_b", "k2")
    world.pushes["sg_b"].popleft()
    world.push_arrives("sg_b")
    world.server.logs["sg_b"].clear()
    world.pass_time(GAP_GRACE)
    world.settle()
    assert "sg_b" not in world.delivered
    assert world.session.due is None


def test_a_refused_pull_is_not_repeated(world: World) -> None:
    world.peer_sends("sg_b", "k1")
    world.peer_sends("sg_b", "k2")
    world.pushes["sg_b"].popleft()
    world.push_arrives("sg_b")
    world.pass_time(GAP_GRACE)
    world.fail_pull(0, Code.NOT_MEMBER)
    world.pass_time(60)
    assert not world.pulls


def test_a_token_of_no_use_makes_the_sync_begin_anew(world: World) -> None:
    world.peer_sends("sg_b", "k1")
    world.hint()
    assert world.syncs[0][0].token != ""
    world.fail_sync(code=Code.REFETCH)
    world.pass_time(60)
    assert world.syncs[0][0].token == ""


def test_a_hint_during_a_sync_makes_another_one(world: World) -> None:
    world.hint()
    world.hint()
    assert len(world.syncs) == 1
    world.answer_sync()
    assert len(world.syncs) == 1


def test_a_server_that_stays_busy_is_given_up(world: World) -> None:
    world.send("sg_b", "k1")
    for _ in range(MAX_ATTEMPTS):
        assert len(world.up) == 1
        world.serve(busy=True)
        world.arrive()
        world.pass_time(60)
    assert not world.up
    assert world.refused["k1"].code is Code.BUSY


def test_while_a_message_is_held_back_no_later_one_overtakes_it(world: World) -> None:
    world.send("sg_b", "k1")
    world.serve(busy=True)
    world.arrive()
    world.send("sg_b", "k2")
    assert not world.up
    world.pass_time(60)
    assert [chat.client_msg_id for chat in world.up] == ["k1", "k2"]


def test_the_servers_window_bounds_what_is_on_its_way(world: World) -> None:
    for number in range(10):
        world.send("sg_b", f"k{number}")
    assert len(world.up) == 4
    world.serve()
    world.arrive()
    assert len(world.up) == 4


def test_a_stopping_server_spreads_its_clients(world: World) -> None:
    delays = []
    for _ in range(20):
        world.receive(GoingAway(60_000))
        world.disconnect(Close.RESTART.number)
        delays.append(world.connects[0].delay)
        world.connect()
        world.pass_time(20)
    assert max(delays) > 20
    assert min(delays) < 20


def test_the_end_refuses_what_is_unsettled_once(world: World) -> None:
    world.send("sg_b", "k1")
    world.do(world.session.end(ServiceError(Code.UNAVAILABLE)))
    world.do(world.session.end(ServiceError(Code.UNAVAILABLE)))
    assert list(world.refused) == ["k1"]
    assert len(world.ended) == 1


def test_backoff_is_uniform_below_a_growing_bound() -> None:
    for failures, bound in ((0, 1.0), (3, 8.0), (10, 30.0)):
        delays = []
        for seed in range(200):
            backoff = Backoff(random.Random(seed), base=1.0, cap=30.0)
            for _ in range(failures):
                backoff.failed(0)
            delays.append(backoff.failed(0))
        assert max(delays) <= bound
        assert min(delays) < bound / 4 < bound * 3 / 4 < max(delays)


def test_nothing_is_due_before_the_first_connection() -> None:
    session = Session(random.Random(1))
    assert session.due is None
    assert session.tick(1e9) == []


def test_what_is_pushed_while_the_application_is_behind_is_pulled_later(world: World) -> None:
    world.session.pause()
    world.peer_sends("sg_b", "k1")
    world.push_arrives("sg_b")
    assert (world.delivered, world.pulls, world.session.due) == ({}, [], None)
    world.do(world.session.resume(world.now))
    world.settle()
    assert [entry.seq for entry in world.delivered["sg_b"]] == [1]
