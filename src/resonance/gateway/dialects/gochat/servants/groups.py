"""`im.repo.v1.GroupService` (generation A): groups as GoChat's services make, change and read them."""

from __future__ import annotations

from typing import ClassVar

from google.protobuf.descriptor import ServiceDescriptor

from resonance._proto.im.repo.v1 import repo_pb2 as pb
from resonance.domain.errors import invalid
from resonance.domain.ids import check_handle
from resonance.domain.model import Caller, Conversation, GroupSettings, Member, NewGroup, Platform, Role
from resonance.domain.windows import History
from resonance.gateway.dialects.gochat.servants import values
from resonance.gateway.dialects.gochat.servants.online import OnlineStatusServant
from resonance.gateway.dialects.gochat.servants.reading import MAX_PAGE, conversation_of, named_users, size_of
from resonance.gateway.dialects.gochat.tables import ROLES
from resonance.gateway.seams import Records
from resonance.rpc.foreign import Call, Servant
from resonance.services import LogicServices

_MASKED = {"name", "avatar_url", "description"}


class GroupServant(Servant):
    """For services alone. A change that names nobody who wants it is made for the owner, who may do all of it."""

    service: ClassVar[ServiceDescriptor] = pb.DESCRIPTOR.services_by_name["GroupService"]

    def __init__(
        self, services: LogicServices, records: Records, online: OnlineStatusServant, history: History
    ) -> None:
        self._conversations = services.conversations
        self._records = records
        self._online = online
        self._history = history

    async def create_group(self, request: pb.CreateGroupRequest, call: Call) -> pb.CreateGroupResponse:
        """Make a group; with the same id again it is the same group."""
        await call.service()
        owner = await call.user(request.owner_id, "owner_id")
        group_id = values.group_id_of(request.group_id)
        wish = NewGroup(request.name, group_id, (), request.avatar_url, request.description, self._history)
        view = await self._conversations.create_group(owner, wish)
        return pb.CreateGroupResponse(group=_group(view.conversation))

    async def update_group(self, request: pb.UpdateGroupRequest, call: Call) -> pb.UpdateGroupResponse:
        """Change the fields of the mask; without a mask those that are not empty."""
        owner, group = await self._owner(request.group_id, call)
        mask = set(request.update_mask)
        if unknown := mask - _MASKED:
            raise invalid("update_mask", f"{min(unknown)[:40]!r} cannot be changed; {', '.join(sorted(_MASKED))} can")
        name, avatar, description = (
            value if field in mask or (not mask and value) else None
            for field, value in (
                ("name", request.name),
                ("avatar_url", request.avatar_url),
                ("description", request.description),
            )
        )
        changes = GroupSettings(name=name, avatar=avatar, introduction=description)
        view = await self._conversations.update_group(owner, group.id, changes)
        return pb.UpdateGroupResponse(group=_group(view.conversation))

    async def add_group_member(self, request: pb.AddGroupMemberRequest, call: Call) -> pb.AddGroupMemberResponse:
        """Bring somebody in, or find them in, with a role (0 is a member's)."""
        owner, group = await self._owner(request.group_id, call)
        role = _role(request.role or ROLES[Role.MEMBER], "role")
        if role is Role.OWNER:
            raise invalid("role", "a group is given away by UpdateMemberRole, to a member")
        await self._conversations.add_members(owner, group.id, [request.user_id])
        if role is not Role.MEMBER:
            await self._conversations.set_role(owner, group.id, request.user_id, role)
        there = await self._conversations.get(Caller(check_handle(request.user_id), Platform.UNKNOWN, ""), group.id)
        return pb.AddGroupMemberResponse(member=_member(there.member))

    async def remove_group_member(
        self, request: pb.RemoveGroupMemberRequest, call: Call
    ) -> pb.RemoveGroupMemberResponse:
        """Remove somebody; the owner has to give the group away first."""
        owner, group = await self._owner(request.group_id, call)
        await self._conversations.remove_member(owner, group.id, request.user_id)
        return pb.RemoveGroupMemberResponse(success=True)

    async def update_member_role(self, request: pb.UpdateMemberRoleRequest, call: Call) -> pb.UpdateMemberRoleResponse:
        """Give a role; that of the owner gives the group away."""
        owner, group = await self._owner(request.group_id, call)
        role = _role(request.new_role, "new_role")
        if role is Role.OWNER:
            await self._conversations.transfer(owner, group.id, request.user_id)
        else:
            await self._conversations.set_role(owner, group.id, request.user_id, role)
        return pb.UpdateMemberRoleResponse(success=True)

    async def get_members_online_status(
        self, request: pb.GetMembersOnlineStatusRequest, call: Call
    ) -> pb.GetMembersOnlineStatusResponse:
        """Say which of these users are online."""
        await call.service()
        return pb.GetMembersOnlineStatusResponse(statuses=await self._online.statuses(named_users(request.user_ids)))

    async def get_group(self, request: pb.GetGroupRequest, call: Call) -> pb.GetGroupResponse:
        """Return a group."""
        await call.service()
        one = await conversation_of(self._records, values.group_conversation(request.group_id))
        return pb.GetGroupResponse(group=_group(one))

    async def get_group_members(self, request: pb.GetGroupMembersRequest, call: Call) -> pb.GetGroupMembersResponse:
        """Return members, the highest role first."""
        await call.service()
        one = await conversation_of(self._records, values.group_conversation(request.group_id))
        end = max(request.offset, 0) + size_of(request.limit)
        found: list[Member] = []
        total, cursor, more = 0, "", True
        while more:
            page = await self._records.members(one.id, cursor, MAX_PAGE)
            found += [member for member in page.items if request.role_filter in (0, ROLES[member.role])]
            total, cursor, more = page.total, page.cursor, page.cursor != "" and len(found) <= end
        told = [_member(member) for member in found[max(request.offset, 0) : end]]
        return pb.GetGroupMembersResponse(members=told, total=total, has_more=len(found) > end)

    async def _owner(self, group_id: str, call: Call) -> tuple[Caller, Conversation]:
        """Return a group's owner, for whom a change is made, and the group. Raises CONVERSATION_NOT_FOUND."""
        await call.service()
        one = await conversation_of(self._records, values.group_conversation(group_id))
        return Caller(one.owner, Platform.UNKNOWN, ""), one


def _role(number: int, field: str) -> Role:
    role = next((role for role, known in ROLES.items() if known == number), None)
    if role is None:
        raise invalid(field, f"{field} is {number}; 1 member, 2 admin, 3 owner are allowed")
    return role


def _group(one: Conversation) -> pb.Group:
    return pb.Group(
        id=values.group_id_of(one.id),
        name=one.name,
        owner_id=one.owner,
        member_count=one.member_count,
        avatar_url=one.avatar,
        description=one.introduction,
        created_at=one.created_at // 1000,
        updated_at=one.updated_at // 1000,
    )


def _member(member: Member) -> pb.GroupMember:
    return pb.GroupMember(
        group_id=values.group_id_of(member.conversation_id),
        user_id=member.user_id,
        role=ROLES[member.role],
        joined_at=member.joined_at // 1000,
    )
