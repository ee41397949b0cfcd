"""What GoChat's services ask of users (`im.repo.v1`) and of friends (seed 003), answered by logic."""

from __future__ import annotations

from typing import ClassVar

from google.protobuf.descriptor import ServiceDescriptor

from resonance._proto.gochat.v1 import gochat_pb2 as own
from resonance._proto.im.repo.v1 import repo_pb2 as repo
from resonance.domain.errors import invalid
from resonance.domain.ids import SYSTEM_USER
from resonance.domain.model import Caller, Platform, RequestStatus, User, UserChanges
from resonance.gateway.dialects.gochat.servants import values
from resonance.gateway.dialects.gochat.servants.reading import named_users
from resonance.rpc.foreign import Call, Servant
from resonance.services import LogicServices
from resonance.services.accounts import NewAccount

_USERS = 100
MAX_FRIENDS = 10_000
_PAGE = 500
_NOBODY = Caller(SYSTEM_USER, Platform.UNKNOWN, "")
"""For whom profiles are read, which everybody may see."""
_MASKED = {"nickname", "avatar_url"}

PENDING, ACCEPTED, REJECTED, BLOCKED = range(4)
"""States of friendships (wire.md 3.2.9)."""


class UserServant(Servant):
    """`im.repo.v1.UserService`."""

    service: ClassVar[ServiceDescriptor] = repo.DESCRIPTOR.services_by_name["UserService"]

    def __init__(self, services: LogicServices) -> None:
        self._accounts = services.accounts
        self._services = services

    async def create_user(self, request: repo.CreateUserRequest, call: Call) -> repo.CreateUserResponse:
        """Make an account with the hash of a password: an argon2id one, as `Accounts.create_user` says."""
        await call.service()
        wish = NewAccount(request.username, request.password_hash, request.nickname, request.avatar_url)
        made = await self._accounts.create_user(wish)
        await self._services.conversations.open_to_all(Caller(made.id, Platform.UNKNOWN, ""))
        return repo.CreateUserResponse(user=values.repo_user(made))

    async def verify_password(self, request: repo.VerifyPasswordRequest, call: Call) -> repo.VerifyPasswordResponse:
        """Compare a password; an unknown user's is wrong. Too many wrong ones are refused for a while."""
        await call.service()
        right = await self._accounts.verify_password(request.user_id, request.password)
        return repo.VerifyPasswordResponse(valid=right)

    async def get_user(self, request: repo.GetUserRequest, call: Call) -> repo.GetUserResponse:
        """Return a user."""
        return repo.GetUserResponse(user=await self._user(request.user_id, call))

    async def get_user_by_username(
        self, request: repo.GetUserByUsernameRequest, call: Call
    ) -> repo.GetUserByUsernameResponse:
        """Return a user, whose name is the id."""
        return repo.GetUserByUsernameResponse(user=await self._user(request.username, call))

    async def get_users(self, request: repo.GetUsersRequest, call: Call) -> repo.GetUsersResponse:
        """Return those of the users that exist."""
        await call.service()
        wanted = list(dict.fromkeys(named_users(request.user_ids)))
        found: list[User] = []
        for begin in range(0, len(wanted), _USERS):
            found += await self._accounts.users(_NOBODY, wanted[begin : begin + _USERS])
        return repo.GetUsersResponse(users=[values.repo_user(user) for user in found])

    async def update_user(self, request: repo.UpdateUserRequest, call: Call) -> repo.UpdateUserResponse:
        """Change the fields of the mask; without a mask those that are not empty."""
        caller = await call.user(request.user_id, "user_id")
        mask = set(request.update_mask)
        if unknown := mask - _MASKED:
            raise invalid("update_mask", f"{min(unknown)[:40]!r} cannot be changed; nickname, avatar_url can")
        nickname = request.nickname if "nickname" in mask or (not mask and request.nickname) else None
        avatar = request.avatar_url if "avatar_url" in mask or (not mask and request.avatar_url) else None
        changed = await self._accounts.update_profile(caller, UserChanges(nickname=nickname, avatar=avatar))
        return repo.UpdateUserResponse(user=values.repo_user(changed))

    async def _user(self, user_id: str, call: Call) -> repo.User:
        await call.service()
        return values.repo_user(await self._accounts.user(_NOBODY, user_id))


class FriendServant(Servant):
    """`FriendService`."""

    service: ClassVar[ServiceDescriptor] = own.DESCRIPTOR.services_by_name["FriendService"]

    def __init__(self, services: LogicServices) -> None:
        self._friends = services.friends

    async def add_friend(self, request: own.AddFriendRequest, call: Call) -> own.AddFriendResponse:
        """Become friends, or ask to."""
        caller = await call.user(request.user_id, "user_id")
        status = await self._friends.request(caller, request.friend_id, request.remarks)
        friend = own.Friend(user_id=caller.user_id, friend_id=request.friend_id, status=int(status))
        return own.AddFriendResponse(success=status is RequestStatus.ACCEPTED, friend=friend)

    async def update_friend_status(
        self, request: own.UpdateFriendStatusRequest, call: Call
    ) -> own.UpdateFriendStatusResponse:
        """Decide a request, end a friendship, or block somebody."""
        caller = await call.user(request.user_id, "user_id")
        match request.status:
            case 0:
                await self._friends.remove(caller, request.friend_id)
            case 1 | 2:
                await self._friends.decide(caller, request.friend_id, request.status == ACCEPTED)
            case 3:
                await self._friends.set_blocked(caller, request.friend_id, True)
            case other:
                raise invalid("status", f"status is {other}; 0 ends, 1 accepts, 2 rejects, 3 blocks")
        return own.UpdateFriendStatusResponse(success=True)

    async def get_user_friends(self, request: own.GetUserFriendsRequest, call: Call) -> own.GetUserFriendsResponse:
        """Return a user's friends."""
        caller = await call.user(request.user_id, "user_id")
        found: list[own.Friend] = []
        cursor, more = "", True
        while more:
            page = await self._friends.page(caller, cursor, _PAGE)
            found += [
                own.Friend(
                    user_id=caller.user_id,
                    friend_id=view.friend.friend_id,
                    status=BLOCKED if view.friend.blocked else ACCEPTED,
                    remarks=view.friend.remark,
                )
                for view in page.items
            ]
            cursor, more = page.cursor, page.cursor != "" and len(found) < MAX_FRIENDS
        return own.GetUserFriendsResponse(friends=found)
