"""What Nexo's clients send as JSON. What is missing is empty, as in Go; the core says what may not be."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from resonance.gateway.dialects.nexo.tables import shown_conversation
from resonance.gateway.http.schemas.fields import MAX_INT64


def _none_is_empty(value: object) -> object:
    return "" if value is None else value


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")
    return value


Text = Annotated[str, BeforeValidator(_none_is_empty)]
"""A text; null is "", because Go's clients send either for none."""
Number = Annotated[int, BeforeValidator(_no_truth), Field(ge=-MAX_INT64, le=MAX_INT64)]
ConversationId = Annotated[str, BeforeValidator(_none_is_empty), AfterValidator(shown_conversation)]
"""The id of a conversation, which does not exist when it is not shown."""
Ids = Annotated[list[str], BeforeValidator(lambda value: [] if value is None else value)]


def _json_text(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))  # orjson has no numbers beyond 64 bits


class Register(BaseModel):
    """Who wants an account; without a `user_id` the server makes one."""

    user_id: Text = ""
    nickname: Text = ""
    password: Text = ""
    avatar: Text = ""


class Login(BaseModel):
    """Who logs in, and on what."""

    user_id: Text = ""
    password: Text = ""
    platform_id: Number = 0


class Profile(BaseModel):
    """What to change of the caller's profile; `extra` is a JSON object, or one as a text."""

    nickname: str | None = None
    avatar: str | None = None
    extra: Annotated[str | None, BeforeValidator(_json_text)] = None


class Users(BaseModel):
    """Some users."""

    user_ids: Annotated[list[str], Field(min_length=1, max_length=100)]


class Group(BaseModel):
    """A group to be made."""

    name: Text = ""
    introduction: Text = ""
    avatar: Text = ""
    member_ids: Ids = Field(default_factory=list, max_length=1_000)


class GroupId(BaseModel):
    """A group."""

    group_id: Annotated[str, Field(min_length=1)]


class Message(BaseModel):
    """A message to send; `tables` knows what its fields may be."""

    client_msg_id: Annotated[str, Field(min_length=1)]
    recv_id: Text = ""
    group_id: Text = ""
    session_type: Number = 0
    msg_type: Number = 0
    content: Any = None


class Page(BaseModel):
    """Which part of the list of conversations."""

    with_last_message: bool = False
    limit: Number = 0
    cursor_updated_at: Number = 0
    cursor_conversation_id: Text = ""


class Settings(BaseModel):
    """What to change of the caller's settings of a conversation."""

    recv_msg_opt: Literal[0, 1, 2] | None = None
    is_pinned: bool | None = None
    conversation_id: ConversationId = ""


class Pointer(BaseModel):
    """How far the caller has read."""

    conversation_id: Annotated[ConversationId, Field(min_length=1)]
    read_seq: Number = 0
