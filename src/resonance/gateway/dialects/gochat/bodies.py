"""Bodies of requests, in the names of GoChat's generations B and C (wire.md 3.2.2, 3.2.3)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StrictInt
from pydantic.alias_generators import to_camel

MAX_MEMBERS = 500

Members = Annotated[list[str], Field(max_length=MAX_MEMBERS)]


class Body(BaseModel):
    """A request; fields may also be spelled as in the core."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Credentials(Body):
    """Who registers or logs in."""

    username: str
    password: str


class Guest(Body):
    """How a guest wants to be called; the web client leaves it empty."""

    guest_name: str = ""


class Refresh(Body):
    """A refresh token to be exchanged."""

    refresh_token: str


class Profile(Body):
    """What to change of one's own profile."""

    nickname: str | None = None
    avatar_url: str | None = Field(None, validation_alias=AliasChoices("avatarUrl", "avatar_url", "avatar"))


class Friend(Body):
    """Whom to befriend."""

    friend_id: str


class FriendRequest(Body):
    """Whom to ask to become friends, and with which words."""

    target_user_id: str
    message: str = ""


class Decision(Body):
    """What becomes of a request: words, or the numbers of an older description."""

    action: Literal["accept", "reject", 1, 2]

    @property
    def accepted(self) -> bool:
        """Whether it is a yes."""
        return self.action in ("accept", 1)


class Group(Body):
    """A group to be made; the maker need not be among the members."""

    group_name: str
    members: Members = Field(default_factory=list)


class Conversation(Body):
    """A conversation to be made: with somebody (generation B), or of a type (generation C: 1 single, 2 group)."""

    target_user_id: str = ""
    type: Literal[1, 2] | None = None
    name: str = ""
    avatar_url: str = ""
    description: str = ""
    members: Members = Field(default_factory=list)


class ConversationChanges(Body):
    """What to change of a group."""

    name: str | None = None
    avatar_url: str | None = None
    description: str | None = None


class NewMembers(Body):
    """Whom to bring in."""

    members: Members = Field(min_length=1)


class NewRole(Body):
    """A member's new role: 1 member, 2 admin, 3 owner."""

    role: Literal[1, 2, 3]


class Letter(Body):
    """A message to be sent."""

    message_type: StrictInt | str = ""
    content: str
    client_msg_id: str = Field("", validation_alias=AliasChoices("client_msg_id", "clientMsgId", "tempMessageId"))
    extra: str = ""


class AddressedLetter(Letter):
    """A message that names its conversation."""

    conversation_id: str


class ReadUpTo(Body):
    """How far somebody has read; 0: to the end."""

    seq_id: int = Field(0, ge=0, lt=2**63)
