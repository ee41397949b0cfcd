"""Friends, groups and people: the parts of the API that are plain requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from resonance.client import wire
from resonance.client.rest import Rest
from resonance.domain.model import ConversationView, FriendRequest, Member, PresenceState, RequestStatus, User


@dataclass(frozen=True, slots=True)
class FriendEntry:
    """A friend as the caller sees them."""

    user: User
    remark: str
    blocked: bool
    presence: PresenceState


class Friends:
    """The caller's friends. Refusals are `ServiceError`s."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def all(self) -> list[FriendEntry]:
        """Return all friends by handle."""
        friends: list[FriendEntry] = []
        cursor, more = "", True
        while more:
            data = await self._rest.get("friends", cursor=cursor, limit=500)
            friends += (
                FriendEntry(wire.user(row["user"]), row["remark"], row["blocked"], wire.presence(row["presence"]))
                for row in data["friends"]
            )
            cursor = data["cursor"]
            more = bool(cursor)
        return friends

    async def request(self, user_id: str, message: str = "") -> RequestStatus:
        """Ask somebody to become friends; ACCEPTED when they are at once."""
        data = await self._rest.call("POST", "friends/requests", body={"user_id": user_id, "message": message})
        return RequestStatus[data["status"].upper()]

    async def requests(self, *, received: bool = True) -> list[FriendRequest]:
        """Return the requests the caller received, or sent, the newest first."""
        data = await self._rest.get("friends/requests", direction="received" if received else "sent")
        return [wire.friend_request(row) for row in data["requests"]]

    async def accept(self, user_id: str) -> None:
        """Accept somebody's request."""
        await self._decide(user_id, "accept")

    async def reject(self, user_id: str) -> None:
        """Reject somebody's request."""
        await self._decide(user_id, "reject")

    async def _decide(self, user_id: str, action: str) -> None:
        await self._rest.call("PUT", f"friends/requests/{quote(user_id)}", body={"action": action})

    async def remove(self, user_id: str) -> None:
        """End a friendship on both sides."""
        await self._rest.call("DELETE", f"friends/{quote(user_id)}")

    async def block(self, user_id: str) -> None:
        """Refuse somebody's messages from now on."""
        await self._rest.call("PUT", f"blocks/{quote(user_id)}")

    async def unblock(self, user_id: str) -> None:
        """Take somebody's messages again."""
        await self._rest.call("DELETE", f"blocks/{quote(user_id)}")


class Groups:
    """Groups, by their group id or conversation id. Refusals are `ServiceError`s."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def create(self, name: str, members: Sequence[str] = (), *, group_id: str = "") -> ConversationView:
        """Create a group with the caller as its owner; with a `group_id` of one's own repeating it is safe."""
        body = {"name": name, "members": list(members), "group_id": group_id}
        return wire.view(await self._rest.call("POST", "groups", body=body))

    async def join(self, group: str, message: str = "") -> RequestStatus:
        """Join a group: ACCEPTED at once, or PENDING when it asks for approval."""
        data = await self._rest.call("POST", f"groups/{quote(group)}/join", body={"message": message})
        return RequestStatus[data["status"].upper()]

    async def add(self, group: str, user_ids: Sequence[str]) -> list[str]:
        """Bring people in; return those who were not members before."""
        data = await self._rest.call("POST", f"groups/{quote(group)}/members", body={"user_ids": list(user_ids)})
        added: list[str] = data["added"]
        return added

    async def remove(self, group: str, user_id: str) -> None:
        """Remove a member of lower rank."""
        await self._rest.call("DELETE", f"groups/{quote(group)}/members/{quote(user_id)}")

    async def leave(self, group: str) -> None:
        """Leave a group."""
        await self._rest.call("POST", f"groups/{quote(group)}/leave")

    async def members(self, group: str) -> list[Member]:
        """Return all members, by role (highest first), then handle."""
        members: list[Member] = []
        cursor, more = "", True
        while more:
            data = await self._rest.get(f"groups/{quote(group)}/members", cursor=cursor, limit=500)
            members += (wire.member(row, group) for row in data["members"])
            cursor = data["cursor"]
            more = bool(cursor)
        return members


class Users:
    """People. Refusals are `ServiceError`s."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def get(self, user_id: str) -> User:
        """Return a profile."""
        return wire.user(await self._rest.get(f"users/{quote(user_id)}"))

    async def search(self, query: str) -> list[User]:
        """Return users whose handle or nickname holds the query."""
        data = await self._rest.get("users/search", q=query)
        return [wire.user(row) for row in data["users"]]
