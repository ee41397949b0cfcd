"""Changes of groups as values: fenced by the version they were decided on, and none where nothing is to be done."""

from __future__ import annotations

import pytest

from resonance.domain.errors import Code, ServiceError
from resonance.domain.ids import ConversationId, UserId
from resonance.domain.model import (
    Conversation,
    ConversationKind,
    ConversationState,
    GroupSettings,
    Member,
    MemberStatus,
    Role,
)
from resonance.logic import group_changes

ANN, BOB, CLEO = UserId("ann"), UserId("bob"), UserId("cleo")
GROUP = ConversationId("sg_g")
NOW = 1_000


def state(**fields: object) -> ConversationState:
    """Return a group of version 7 that ann owns; bob is a member, cleo left it."""
    members: dict[str, Member] = {
        ANN: Member(GROUP, ANN, role=Role.OWNER),
        BOB: Member(GROUP, BOB),
        CLEO: Member(GROUP, CLEO, status=MemberStatus.LEFT),
    }
    group = Conversation(GROUP, ConversationKind.GROUP, name="Group", version=7, **({"member_count": 2} | fields))  # type: ignore[arg-type]
    return ConversationState(group, members, complete=True)


def test_every_change_is_fenced_by_its_version() -> None:
    group = state()
    for change in (
        group_changes.joining(group, CLEO),
        group_changes.admitting(group, ANN, CLEO, NOW),
        group_changes.adding(group, BOB, [CLEO], NOW),
        group_changes.removing(group, ANN, BOB, NOW),
        group_changes.leaving(group, BOB, NOW),
        group_changes.ranking(group, ANN, BOB, Role.ADMIN, NOW),
        group_changes.transferring(group, ANN, BOB, NOW),
        group_changes.muting(group, ANN, BOB, 60, NOW),
        group_changes.updating(group, ANN, GroupSettings(name="New"), NOW),
        group_changes.dissolving(group, ANN, NOW),
    ):
        assert change is not None
        assert (change.conversation_id, change.version) == (GROUP, 7)


def test_where_everything_is_as_wanted_there_is_no_change() -> None:
    group = state()
    assert group_changes.adding(group, BOB, [ANN, BOB], NOW) is None
    assert group_changes.ranking(group, ANN, BOB, Role.MEMBER, NOW) is None
    assert group_changes.updating(group, ANN, GroupSettings(name="Group", mute_all=False), NOW) is None
    assert group_changes.updating(group, ANN, GroupSettings(), NOW) is None


def test_who_came_in_another_way_meanwhile_is_not_let_in_again() -> None:
    with pytest.raises(ServiceError) as refused:
        group_changes.admitting(state(), ANN, BOB, NOW)
    assert refused.value.code is Code.REQUEST_NOT_FOUND


def test_only_what_differs_is_changed() -> None:
    change = group_changes.updating(state(), ANN, GroupSettings(name="Group", join_approval=True), NOW)
    assert change is not None
    assert change.settings == GroupSettings(join_approval=True)


def test_a_group_cannot_be_made_smaller_than_it_is() -> None:
    with pytest.raises(ServiceError) as refused:
        group_changes.updating(state(member_count=3), ANN, GroupSettings(max_members=2), NOW)
    assert (refused.value.code, refused.value.field) == (Code.INVALID_ARGUMENT, "max_members")


def test_a_group_that_asks_first_lets_nobody_in_by_itself() -> None:
    assert group_changes.joining(state(join_approval=True), CLEO) is None
