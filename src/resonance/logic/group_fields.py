"""What a request about a group may say, before anybody's rights are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from resonance.config.settings import Groups
from resonance.domain.errors import Code, ServiceError, invalid
from resonance.domain.ids import UserId, check_group_id, check_handle
from resonance.domain.model import Caller, GroupSettings, NewGroup
from resonance.logic import checks

MAX_ADDED = 1_000
"""People that one request may bring in: they are one transaction, and everybody else's messages wait for it."""


def checked_group(caller: Caller, group: NewGroup, config: Groups) -> NewGroup:
    """Return a new group with every field in order and `max_members` filled in. It needs nobody but its owner."""
    limit = group.max_members or config.max_members
    checked = replace(
        group,
        name=checks.check_name(group.name, "name", checks.MAX_GROUP_NAME),
        group_id=check_group_id(group.group_id) if group.group_id else "",
        members=tuple(people(caller, group.members, "members")),
        avatar=checks.check_avatar(group.avatar),
        introduction=checks.check_text(group.introduction, "introduction", checks.MAX_INTRODUCTION),
        max_members=checks.check_range(limit, "max_members", 2, config.members_limit),
    )
    if len(checked.members) + 1 > limit:
        raise ServiceError(Code.GROUP_FULL, f"the group may have {limit} members", field="members")
    return checked


def checked_settings(settings: GroupSettings, config: Groups) -> GroupSettings:
    """Return a change of settings with every given field in order."""
    name, avatar, introduction = settings.name, settings.avatar, settings.introduction
    if settings.max_members is not None:
        checks.check_range(settings.max_members, "max_members", 2, config.members_limit)
    if introduction is not None:
        introduction = checks.check_text(introduction, "introduction", checks.MAX_INTRODUCTION)
    return replace(
        settings,
        name=None if name is None else checks.check_name(name, "name", checks.MAX_GROUP_NAME),
        avatar=None if avatar is None else checks.check_avatar(avatar),
        introduction=introduction,
    )


def people(caller: Caller, user_ids: Sequence[str], field: str) -> list[UserId]:
    """Return the people that a request names: each once, without the caller."""
    checks.check_count(user_ids, field, MAX_ADDED)
    return [user_id for user_id in checks.check_handles(user_ids, field) if user_id != caller.user_id]


def another(caller: Caller, user_id: str, hint: str) -> UserId:
    """Return the handle of somebody who is not the caller."""
    target = check_handle(user_id)
    if target == caller.user_id:
        raise invalid("user_id", f"user_id is yourself: {hint}")
    return target
