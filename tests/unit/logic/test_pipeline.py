"""The pipeline on a real store that fails, lingers or changes under its hands when a test wants it to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from resonance.config.engines import StoreConfig
from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import AppendOutcome, NewEntry, NewGroup, Role, SendAnswer
from resonance.engines.sqlite.store import SqliteStore
from tests.unit.logic.live import Gateway, Live, caller, route, running, text

Hook = Callable[[], Awaitable[object]]
NAMES = ["ann", "bob", "cid", "dan"]


class Hooked(SqliteStore):
    """A store whose next append has something happen right before or after it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, StoreConfig())
        self.before: Hook | None = None
        self.after: Hook | None = None
        self.batches: list[int] = []

    async def append(self, entries: Sequence[NewEntry]) -> AppendOutcome:
        self.batches.append(len(entries))
        before, self.before = self.before, None
        if before is not None:
            await before()
        outcome = await super().append(entries)
        after, self.after = self.after, None
        if after is not None:
            await after()
        return outcome


@pytest.fixture
async def hooked(tmp_path: Path) -> AsyncIterator[Hooked]:
    made = Hooked(tmp_path / "resonance.db")
    await made.start()
    yield made
    made.close()
    await made.join()


@pytest.fixture
async def live(hooked: Hooked) -> AsyncIterator[Live]:
    async with running(hooked, messages={"queue_limit": 8}) as made:
        await made.people(*NAMES)
        yield made


async def linked(live: Live) -> Gateway:
    """Return a gateway on which everybody is connected."""
    gateway = Gateway("g")
    await gateway.link(live.hub, [route(name, number) for number, name in enumerate(NAMES, 1)])
    return gateway


async def group(live: Live, *members: str) -> str:
    view = await live.conversations.create_group(caller("ann"), NewGroup("g", members=members))
    return view.conversation.id


def codes(answers: list[SendAnswer]) -> list[str]:
    return [answer.code for answer in answers]


async def test_messages_that_queue_during_a_commit_share_the_next_one(live: Live, hooked: Hooked) -> None:
    gateway, chat = await linked(live), await group(live)
    begun, go = asyncio.Event(), asyncio.Event()

    async def linger() -> None:
        begun.set()
        await go.wait()

    hooked.before = linger
    gateway.submit(text(0, "ann", chat))
    await begun.wait()
    for ref in range(1, 6):
        gateway.submit(text(ref, "ann", chat))
    go.set()
    await gateway.until(lambda: len(gateway.answers) == 6)
    assert hooked.batches == [1, 5]
    assert [(answer.ref, answer.seq) for answer in gateway.answers] == [(ref, ref + 2) for ref in range(6)]


async def test_what_the_queue_cannot_hold_is_busy_and_the_rest_goes_on(live: Live, hooked: Hooked) -> None:
    gateway, chat = await linked(live), await group(live)
    gateway.submit(*(text(ref, "ann", chat) for ref in range(11)))
    assert [(answer.ref, answer.code) for answer in gateway.answers] == [(ref, Code.BUSY.text) for ref in (8, 9, 10)]
    await gateway.until(lambda: len(gateway.answers) == 11)
    assert codes(gateway.answers[3:]) == [""] * 8


async def test_a_closed_pipeline_is_busy_and_answers_what_it_took(live: Live) -> None:
    gateway, chat = await linked(live), await group(live)
    gateway.submit(text(1, "ann", chat))
    live.pipeline.close()
    gateway.submit(text(2, "ann", chat))
    await live.pipeline.join()
    assert [(answer.ref, answer.code) for answer in gateway.answers] == [(2, Code.BUSY.text), (1, "")]


async def test_a_failed_commit_refuses_its_batch_and_no_other(live: Live, hooked: Hooked) -> None:
    chat = await group(live)

    async def fail() -> None:
        raise ServiceError(Code.STORAGE_UNAVAILABLE, "the disk is full")

    hooked.before = fail
    refused = await live.send("ann", chat)
    assert (refused.code, refused.error, refused.seq) == (Code.STORAGE_UNAVAILABLE.text, "the disk is full", 0)
    assert (await live.send("ann", chat)).seq == 2


async def test_a_mistake_of_ours_refuses_its_batch_and_no_other(live: Live, hooked: Hooked) -> None:
    chat = await group(live)

    async def fail() -> None:
        raise ZeroDivisionError

    hooked.before = fail
    assert (await live.send("ann", chat)).code == Code.INTERNAL.text
    assert (await live.send("ann", chat)).code == ""


async def test_a_push_that_fails_stops_nobody_and_the_sweep_makes_up_for_it(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, chat = await linked(live), await group(live, "bob")

    async def fail(_: object) -> dict[str, list[str]]:
        raise ServiceError(Code.UNAVAILABLE, "the routes are away")

    with monkeypatch.context() as away:
        away.setattr(live.routes, "locate", fail)
        lost = await live.send("ann", chat)
    assert lost.code == ""
    assert (await live.send("ann", chat)).code == ""
    live.ahead_ms = 10_000
    await live.delivery.sweep()
    assert lost.seq in [entry.seq for entry in gateway.pushed("bob")]


async def test_a_stale_state_is_read_anew_and_nobody_notices(live: Live, hooked: Hooked) -> None:
    chat = await group(live, "bob")
    await live.send("bob", chat)
    hooked.before = lambda: live.conversations.set_role(caller("ann"), chat, "bob", Role.ADMIN)
    assert (await live.send("bob", chat)).code == ""
    assert hooked.batches == [1, 1, 1]


async def test_rights_lost_during_the_commit_are_lost(live: Live, hooked: Hooked) -> None:
    chat = await group(live, "bob")
    await live.send("bob", chat)
    hooked.before = lambda: live.conversations.remove_member(caller("ann"), chat, "bob")
    assert (await live.send("bob", chat)).code == Code.MEMBER_INACTIVE.text


async def test_a_conversation_that_changes_again_and_again_is_busy(live: Live, hooked: Hooked) -> None:
    chat = await group(live, "bob")
    seconds = iter([1, 2])

    async def change_again() -> None:
        now = next(seconds)
        hooked.before = change_again if now == 1 else None
        await live.conversations.mute_member(caller("ann"), chat, "bob", now)

    hooked.before = change_again
    assert (await live.send("ann", chat)).code == Code.BUSY.text
    assert (await live.send("ann", chat)).code == ""


async def test_the_second_try_is_pushed_to_the_members_of_its_own_time(live: Live, hooked: Hooked) -> None:
    """One batch may write to one conversation twice, with a change of its members in between."""
    gateway, chat = await linked(live), await group(live, "bob", "cid")

    async def swap() -> None:
        await live.conversations.remove_member(caller("ann"), chat, "cid")
        await live.conversations.add_members(caller("ann"), chat, ["dan"])

    hooked.after = swap
    gateway.submit(text(1, "ann", chat), text(2, "dan", chat))
    await gateway.until(lambda: len(gateway.answers) == 2 and bool(gateway.pushed("dan")))
    assert codes(gateway.answers) == ["", ""]
    first, second = (answer.seq for answer in gateway.answers)
    pushed = {name: [entry.seq for entry in gateway.pushed(name)] for name in NAMES}
    assert pushed == {"ann": [first, second], "bob": [first, second], "cid": [first], "dan": [second]}


@pytest.mark.parametrize("fate", ["kicked", "muted", "dissolved", "blocked"])
async def test_a_resend_gets_its_first_ack_whatever_happened_since(live: Live, fate: str) -> None:
    chat = await group(live, "bob")
    if fate == "blocked":
        chat = (await live.send("ann", "", to="bob")).conversation_id
    first = await live.send("bob", chat, key="k")
    deeds: dict[str, Callable[[], Awaitable[object]]] = {
        "kicked": lambda: live.conversations.remove_member(caller("ann"), chat, "bob"),
        "muted": lambda: live.conversations.mute_member(caller("ann"), chat, "bob", 60),
        "dissolved": lambda: live.conversations.dissolve(caller("ann"), chat),
        "blocked": lambda: live.friends.set_blocked(caller("ann"), "bob", True),
    }
    await deeds[fate]()
    assert (await live.send("bob", chat, key="another")).code != ""
    again = await live.send("bob", chat, key="k")
    assert again._replace(ref=0) == first._replace(ref=0)
    assert (await live.send("bob", chat, key="k", content="other")).code == Code.KEY_CONFLICT.text


async def test_one_batch_may_hold_a_first_message_many_times(live: Live) -> None:
    gateway = await linked(live)
    gateway.submit(
        text(1, "ann", "", to="bob"),
        text(2, "bob", "", to="ann"),
        text(3, "ann", "", "k1", to="bob"),
        text(4, "ann", "", to="b:b"),
    )
    await gateway.until(lambda: len(gateway.answers) == 4)
    answers = [(answer.ref, answer.conversation_id, answer.seq, answer.code) for answer in gateway.answers]
    assert answers == [
        (1, "si_ann_bob", 1, ""),
        (2, "si_ann_bob", 2, ""),
        (3, "si_ann_bob", 1, ""),
        (4, "", 0, Code.INVALID_ARGUMENT.text),
    ]


async def test_a_rate_over_the_limit_is_refused_and_a_resend_is_not(hooked: Hooked) -> None:
    async with running(hooked, messages={"per_user_per_second": 0.1}) as live:
        await live.people("ann", "bob")
        first = await live.send("ann", "", to="bob", key="k")
        refused = await live.send("ann", first.conversation_id)
        assert refused.code == Code.RATE_LIMITED.text
        assert (await live.send("ann", first.conversation_id, key="k")).seq == first.seq
        assert (await live.send("bob", first.conversation_id)).code == ""


async def test_everybodys_conversation_has_a_rate_of_its_own(hooked: Hooked) -> None:
    async with running(hooked, messages={"open_per_user_per_second": 0.1}) as live:
        await live.people("ann", "bob")
        world = (await live.conversations.open_to_all(caller("ann"))).conversation.id
        assert (await live.send("ann", world)).code == ""
        assert (await live.send("ann", world)).code == Code.RATE_LIMITED.text
        assert (await live.send("ann", "", to="bob")).code == ""
        assert (await live.send("bob", world)).code == ""


@pytest.mark.parametrize("conversation_id", ["", "si_ann_jos\u00e9"])
async def test_a_first_message_finds_a_handle_in_any_unicode_form(live: Live, conversation_id: str) -> None:
    await live.people("jos\u00e9")
    sent = await live.send("ann", conversation_id, to="jose\u0301", key="k")
    assert (sent.conversation_id, sent.seq, sent.code) == ("si_ann_jos\u00e9", 1, "")
    assert (await live.send("ann", "", to="jos\u00e9", key="k")).seq == sent.seq


@pytest.mark.parametrize("bad", ["\0", "si_ann_\ud800", "x" * 161])
async def test_what_can_be_no_conversation_fails_for_its_sender_alone(live: Live, hooked: Hooked, bad: str) -> None:
    """PostgreSQL cannot even look for NUL, and others' messages are in the same batch."""
    gateway, chat = await linked(live), await group(live)
    asked: list[str] = []
    states = hooked.states

    async def noted(conversation_ids: Sequence[str], user_ids: Sequence[str]) -> object:
        asked.extend(conversation_ids)
        return await states(conversation_ids, user_ids)

    hooked.states = noted  # type: ignore[method-assign, assignment]
    gateway.submit(text(1, "ann", bad), text(2, "ann", chat))
    await gateway.until(lambda: len(gateway.answers) == 2)
    assert {answer.ref: answer.code for answer in gateway.answers} == {1: Code.CONVERSATION_NOT_FOUND.text, 2: ""}
    with pytest.raises(ServiceError):
        await live.messages.typing(caller("ann"), bad)
    assert bad not in asked


async def test_every_message_of_a_batch_is_logged_with_its_own_trace(
    live: Live, hooked: Hooked, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="resonance.logic.batch")
    gateway = await linked(live)
    chat = (await live.send("ann", "", to="bob")).conversation_id
    hooked.batches.clear()
    traces = ["1" * 32, "2" * 32, "3" * 32]
    senders = ["ann", "cid", "bob"]
    items = [text(ref, sender, chat)._replace(trace=traces[ref]) for ref, sender in enumerate(senders)]
    with capture_logs() as logs:
        gateway.submit(*items)
        await gateway.until(lambda: len(gateway.answers) == 3)
    assert hooked.batches == [2], "one batch, without what was refused"
    told = [(one["event"], one["user"], one["trace_id"]) for one in logs if "trace_id" in one]
    events = ["message sent", "message refused", "message sent"]
    assert told == list(zip(events, senders, traces, strict=True))
