"""Whoever asks for somebody else's single conversation learns nothing, not even that it exists."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import GroupSettings, MemberSettings, Role, SendAnswer
from resonance.engines.sqlite.store import SqliteStore
from tests.unit.logic.live import Live, caller, running

REAL, MADE_UP = "si_ann_bob", "si_ann_cid"
EVE = caller("eve")

CALLS: dict[str, Callable[[Live, str], Awaitable[object]]] = {
    "get": lambda live, id_: live.conversations.get(EVE, id_),
    "set_member": lambda live, id_: live.conversations.set_member(EVE, id_, MemberSettings(pinned=True)),
    "members": lambda live, id_: live.conversations.members(EVE, id_, "", 10),
    "join": lambda live, id_: live.conversations.join(EVE, id_, ""),
    "join_requests": lambda live, id_: live.conversations.join_requests(EVE, id_),
    "decide_join": lambda live, id_: live.conversations.decide_join(EVE, id_, "ann", False),
    "add_members": lambda live, id_: live.conversations.add_members(EVE, id_, ["ann"]),
    "remove_member": lambda live, id_: live.conversations.remove_member(EVE, id_, "ann"),
    "leave": lambda live, id_: live.conversations.leave(EVE, id_),
    "set_role": lambda live, id_: live.conversations.set_role(EVE, id_, "ann", Role.ADMIN),
    "transfer": lambda live, id_: live.conversations.transfer(EVE, id_, "ann"),
    "mute_member": lambda live, id_: live.conversations.mute_member(EVE, id_, "ann", 1),
    "update_group": lambda live, id_: live.conversations.update_group(EVE, id_, GroupSettings(name="x")),
    "dissolve": lambda live, id_: live.conversations.dissolve(EVE, id_),
    "history": lambda live, id_: live.messages.history(EVE, id_, 0, 10),
    "pull": lambda live, id_: live.messages.pull(EVE, id_, 0, 0, 10),
    "mark_read": lambda live, id_: live.messages.mark_read(EVE, id_, 0),
    "readers": lambda live, id_: live.messages.readers(EVE, id_, 1),
    "typing": lambda live, id_: live.messages.typing(EVE, id_),
}


@pytest.fixture
async def live(store: SqliteStore) -> AsyncIterator[Live]:
    async with running(store) as made:
        await made.people("ann", "bob", "cid", "eve")
        assert (await made.send("ann", "", to="bob")).conversation_id == REAL
        yield made


async def refusal(call: Awaitable[object]) -> tuple[Code, str, str]:
    """Return what a refusal says."""
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value.code, caught.value.message, caught.value.field


@pytest.mark.parametrize("method", CALLS)
async def test_every_method_answers_as_if_there_were_nothing(live: Live, method: str) -> None:
    code, message, field = await refusal(CALLS[method](live, REAL))
    assert code is Code.CONVERSATION_NOT_FOUND
    assert (code, message.replace(REAL, MADE_UP), field) == await refusal(CALLS[method](live, MADE_UP))


@pytest.mark.parametrize("to", ["", "bob", "cid"])
async def test_sending_answers_as_if_there_were_nothing(live: Live, to: str) -> None:
    """Also with a recipient beside the id, by which a first message would open a conversation."""
    answers = [await live.send("eve", id_, to=to) for id_ in (REAL, MADE_UP)]
    known, unknown = (_without_names(answer) for answer in answers)
    assert known == unknown
    assert answers[0].code == Code.CONVERSATION_NOT_FOUND.text
    assert (await live.store.conversations("eve", "", 10, True)).items == []
    assert len(await live.store.entries(REAL, 1, 10)) == 1


async def test_a_recipient_beside_the_id_of_ones_own_conversation_opens_it(live: Live) -> None:
    answer = await live.send("eve", "si_bob_eve", to="bob")
    assert (answer.code, answer.conversation_id, answer.seq) == ("", "si_bob_eve", 1)


async def test_nothing_else_that_is_read_mentions_it(live: Live) -> None:
    assert await live.messages.heads(EVE, [REAL, MADE_UP]) == {}
    assert (await live.conversations.page(EVE, "", 10, True)).items == []
    page = await live.messages.sync(EVE, "", 10)
    assert (page.conversations, [user.id for user in page.users]) == ([], ["eve"])
    assert (await live.messages.inbox(EVE, 0, 10)).items == []


def _without_names(answer: SendAnswer) -> SendAnswer:
    """Return an answer without what differs because the question did."""
    error = answer.error.replace(REAL, MADE_UP)
    return answer._replace(ref=0, client_msg_id="", conversation_id="", error=error)
