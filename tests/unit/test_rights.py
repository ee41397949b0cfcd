"""Rights: every action by everybody in every state of a conversation, against tables written by hand."""

from __future__ import annotations

from itertools import product

import pytest

from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import ConversationId, UserId
from resonance.domain.model import (
    Conversation,
    ConversationKind,
    ConversationState,
    ConversationStatus,
    Member,
    MemberStatus,
    Role,
)
from resonance.domain.rights import LEAST_ROLE, Action, active_member, check

NOW = 1_000_000
ACTOR, TARGET = UserId("actor"), UserId("target")

WORDS = {
    "ok": None,
    "low": Code.ROLE_INSUFFICIENT,
    "stay": Code.OWNER_MUST_STAY,
    "muted": Code.MUTED,
    "never": Code.NOT_MEMBER,
    "gone": Code.MEMBER_INACTIVE,
    "block": Code.BLOCKED,
    "strange": Code.STRANGERS_REFUSED,
    "denied": Code.PERMISSION_DENIED,
}

# By the actor's role. After the slash: what is special about the group, or about the actor.
ALONE = """
                  member  admin  owner
send              ok      ok     ok
send/silenced     muted   ok     ok
send/muted        muted   muted  muted
invite            ok      ok     ok
invite/approval   low     ok     ok
approve           low     ok     ok
mute_all          low     ok     ok
update            low     ok     ok
dissolve          low     low    ok
leave             ok      ok     stay
"""

# By the actor's role (after the slash) and the other one's standing.
ON_ANOTHER = """
                  absent  left  kicked  member  admin  owner
kick/member       low     low   low     low     low    low
kick/admin        never   gone  gone    ok      low    stay
kick/owner        never   gone  gone    ok      ok     stay
mute/member       low     low   low     low     low    low
mute/admin        never   gone  gone    ok      low    stay
mute/owner        never   gone  gone    ok      ok     stay
set_role/member   low     low   low     low     low    low
set_role/admin    low     low   low     low     low    low
set_role/owner    never   gone  gone    ok      ok     stay
transfer/member   low     low   low     low     low    low
transfer/admin    low     low   low     low     low    low
transfer/owner    never   gone  gone    ok      ok     ok
"""

# Sending in a single conversation, by what stands between the two.
SINGLE = """
                            strangers-allowed  strangers-refused
strangers                   ok                 strange
friends                     ok                 ok
strangers/blocked           block              block
friends/blocked             block              block
"""

STANDINGS = ("absent", "left", "kicked", "member", "admin", "owner")
MUTES = {"not muted": 0, "mute over": NOW, "muted": NOW + 1}


def parse(table: str) -> dict[tuple[str, str], Code | None]:
    """Return a table by (row, column)."""
    head, *rows = [line.split() for line in table.strip().splitlines()]
    return {(row, column): WORDS[word] for row, *words in rows for column, word in zip(head, words, strict=True)}


alone, on_another, single = parse(ALONE), parse(ON_ANOTHER), parse(SINGLE)
TARGETED = {Action(row.split("/")[0]) for row, _ in on_another}


def member(user_id: UserId, standing: str, muted_until: int = 0) -> dict[str, Member]:
    """Return the rows of somebody of this standing."""
    if standing == "absent":
        return {}
    status = {"left": MemberStatus.LEFT, "kicked": MemberStatus.KICKED}.get(standing, MemberStatus.NORMAL)
    role = {"admin": Role.ADMIN, "owner": Role.OWNER}.get(standing, Role.MEMBER)
    return {user_id: Member(ConversationId("sg_g"), user_id, role=role, status=status, muted_until=muted_until)}


def verdict(action: Action, state: ConversationState, *, target: str = "", strangers: bool = True) -> Code | None:
    """Return why the actor may not, or None."""
    try:
        check(action, state, ACTOR, NOW, target, strangers=strangers)
    except ServiceError as refused:
        return refused.code
    return None


def expected(action: Action, actor: str, target: str, group: Conversation, mute: str) -> Code | None:
    """Read the tables."""
    if actor == "absent":
        return Code.NOT_MEMBER
    if actor in ("left", "kicked"):
        return Code.MEMBER_INACTIVE
    if group.status is ConversationStatus.DISSOLVED:
        return Code.CONVERSATION_DISSOLVED
    if action in TARGETED:
        return on_another[f"{action}/{actor}", target]
    row = str(action)
    if action is Action.SEND and mute == "muted":
        row = "send/muted"
    elif action is Action.SEND and group.mute_all:
        row = "send/silenced"
    elif action is Action.INVITE and group.join_approval:
        row = "invite/approval"
    return alone[row, actor]


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("actor", STANDINGS)
def test_groups(action: Action, actor: str) -> None:
    cases = product(ConversationStatus, (False, True), (False, True), MUTES, STANDINGS)
    for status, mute_all, approval, mute, target in cases:
        group = Conversation(
            ConversationId("sg_g"), ConversationKind.GROUP, status=status, mute_all=mute_all, join_approval=approval
        )
        members = member(ACTOR, actor, MUTES[mute]) | member(TARGET, target)
        state = ConversationState(group, members, complete=True)
        case = f"{status.name=} {mute_all=} {approval=} {mute=} {target=}"
        assert verdict(action, state, target=TARGET) == expected(action, actor, target, group, mute), case


@pytest.mark.parametrize("standing", ["admin", "owner"])
@pytest.mark.parametrize("action", [Action.KICK, Action.MUTE, Action.SET_ROLE])
def test_nobody_outranks_themselves(action: Action, standing: str) -> None:
    group = Conversation(ConversationId("sg_g"), ConversationKind.GROUP)
    state = ConversationState(group, member(ACTOR, standing), complete=True)
    assert verdict(action, state, target=ACTOR) in (Code.ROLE_INSUFFICIENT, Code.OWNER_MUST_STAY)


@pytest.mark.parametrize("action", Action)
def test_single_conversations_are_for_sending_only(action: Action) -> None:
    conversation = Conversation(ConversationId("si_actor_target"), ConversationKind.SINGLE)
    both = member(ACTOR, "member") | member(TARGET, "member")
    for (row, column), code in single.items():
        state = ConversationState(
            conversation,
            both,
            complete=True,
            blocked=frozenset({ACTOR} if row.endswith("blocked") else ()),
            friends=row.startswith("friends"),
        )
        wanted = code if action is Action.SEND else Code.PERMISSION_DENIED
        assert verdict(action, state, strangers=column == "strangers-allowed") == wanted, (row, column)


def test_who_blocks_may_still_write() -> None:
    conversation = Conversation(ConversationId("si_actor_target"), ConversationKind.SINGLE)
    both = member(ACTOR, "member") | member(TARGET, "member")
    state = ConversationState(conversation, both, complete=True, blocked=frozenset({TARGET}))
    assert verdict(Action.SEND, state) is None


@pytest.mark.parametrize("action", Action)
def test_the_single_conversation_of_others_does_not_exist(action: Action) -> None:
    conversation = Conversation(ConversationId("si_a_b"), ConversationKind.SINGLE)
    both = member(UserId("a"), "member") | member(UserId("b"), "member")
    state = ConversationState(conversation, both, complete=True, blocked=frozenset({ACTOR}))
    for strangers in (False, True):
        assert verdict(action, state, target="a", strangers=strangers) is Code.CONVERSATION_NOT_FOUND
    with pytest.raises(ServiceError, match="there is no conversation 'si_a_b'") as refused:
        active_member(state, ACTOR)
    assert refused.value.code is Code.CONVERSATION_NOT_FOUND


def test_one_is_no_stranger_to_oneself() -> None:
    conversation = Conversation(ConversationId("si_actor_actor"), ConversationKind.SINGLE)
    state = ConversationState(conversation, member(ACTOR, "member"), complete=True)
    assert verdict(Action.SEND, state, strangers=False) is None


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("standing", STANDINGS)
def test_everybody_writes_in_the_open_conversation_and_nobody_rules_it(action: Action, standing: str) -> None:
    conversation = Conversation(ConversationId("world"), ConversationKind.OPEN)
    state = ConversationState(conversation, member(ACTOR, standing), complete=False)
    wanted = None if action is Action.SEND else Code.PERMISSION_DENIED
    assert verdict(action, state, target=TARGET, strangers=False) == wanted


@pytest.mark.parametrize("standing", STANDINGS)
def test_active_member(standing: str) -> None:
    state = ConversationState(
        Conversation(ConversationId("sg_g"), ConversationKind.GROUP), member(ACTOR, standing), complete=True
    )
    if standing in ("member", "admin", "owner"):
        assert active_member(state, ACTOR) is state.members[ACTOR]
        return
    with pytest.raises(ServiceError) as refused:
        active_member(state, ACTOR)
    assert refused.value.code is (Code.NOT_MEMBER if standing == "absent" else Code.MEMBER_INACTIVE)


def test_the_tables_know_every_action() -> None:
    assert {Action(row.split("/")[0]) for row, _ in alone} | TARGETED == set(Action) == set(LEAST_ROLE)
