"""Types of fields that many bodies share."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from resonance.domain.model import (
    ConversationKind,
    ConversationStatus,
    MemberStatus,
    RecvOpt,
    RequestStatus,
    Role,
    UserKind,
)
from resonance.domain.windows import History

MAX_INT64 = 2**63 - 1


class Body(BaseModel):
    """A body of a request or a response; descriptions come from the attributes' docstrings."""

    model_config = ConfigDict(use_attribute_docstrings=True, populate_by_name=True, frozen=True)


class Empty(Body):
    """The answer of a command that has nothing to tell: `{}`."""


class ByName:
    """Makes an enumeration appear by the lower-case names of its members: numbers are for the store."""

    def __init__(self, enum: type[IntEnum]) -> None:
        self._members = {member.name.lower(): member for member in enum}

    def __get_pydantic_core_schema__(self, source: type[IntEnum], handler: GetCoreSchemaHandler) -> CoreSchema:
        names = core_schema.literal_schema(list(self._members))
        return core_schema.no_info_after_validator_function(
            self._members.__getitem__,
            core_schema.no_info_before_validator_function(_name, names),
            serialization=core_schema.plain_serializer_function_ser_schema(_name, return_schema=names),
        )


def _name(value: object) -> object:
    return value.name.lower() if isinstance(value, IntEnum) else value


ConversationKindName = Annotated[ConversationKind, ByName(ConversationKind)]
ConversationStatusName = Annotated[ConversationStatus, ByName(ConversationStatus)]
HistoryName = Annotated[History, ByName(History)]
MemberStatusName = Annotated[MemberStatus, ByName(MemberStatus)]
RecvOptName = Annotated[RecvOpt, ByName(RecvOpt)]
RequestStatusName = Annotated[RequestStatus, ByName(RequestStatus)]
RoleName = Annotated[Role, ByName(Role)]
UserKindName = Annotated[UserKind, ByName(UserKind)]

Seq = Annotated[int, Field(ge=0, le=MAX_INT64)]
"""A place in a conversation, or 0 where that means an end of it."""
Platform = Annotated[
    int, Field(ge=0, le=5, description="What the device is: 0 unknown, 1 iOS, 2 Android, 3 Windows, 4 macOS, 5 web.")
]
