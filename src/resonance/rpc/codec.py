"""The codec between the values that roles exchange and the protobuf messages that carry them.

A codec is compiled once per type from its type hints and the message's descriptor; a difference between the two is
refused then, so no call ever meets one.

| Python | protobuf |
| --- | --- |
| str, int, bool, bytes, float | string, int64, bool, bytes, double |
| NewType | what it is made of |
| IntEnum, StrEnum | int32, string |
| X or None | proto3 optional; for messages, presence |
| list, tuple[X, ...], Sequence, frozenset | repeated |
| dict[str, X] | map |
| frozen dataclass, NamedTuple | message with the same field names |
| union of those | message with one oneof, fields named after the classes in snake_case |

Values become nested dicts first and one message at the end: protobuf's constructor fills submessages from dicts in C,
without an object for each (half the time of building them one by one, measured).
"""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import cache
from operator import attrgetter
from typing import Any, Generic, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

T = TypeVar("T")
# Inside, values are of any type: hints were checked when the codec was compiled.
_Convert = Callable[[Any], Any]
_Values = Callable[[Any], Sequence[Any]]  # a value's fields, in order
_Make = Callable[[Sequence[Any]], Any]  # the value made of its fields, in order

_SCALARS: dict[object, int] = {
    str: FieldDescriptor.TYPE_STRING,
    int: FieldDescriptor.TYPE_INT64,
    bool: FieldDescriptor.TYPE_BOOL,
    bytes: FieldDescriptor.TYPE_BYTES,
    float: FieldDescriptor.TYPE_DOUBLE,
}
_COLLECTIONS: dict[object, Callable[..., object]] = {list: list, tuple: tuple, Sequence: list, frozenset: frozenset}
_HUMP = re.compile(r"(?<!^)(?=[A-Z])")


class ContractError(TypeError):
    """A Python type or signature and its protobuf contract differ."""


class EncodeError(ValueError):
    """A value that no message can carry: an integer out of range, text that is no Unicode.

    Attributes:
        field: the message's field that holds it.
    """

    def __init__(self, field: str, reason: ValueError) -> None:
        self.field = field
        super().__init__(f"{field}: {reason}")


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """Two functions between a Python type and one protobuf message, and the same down to bytes.

    Attributes:
        encode: raises EncodeError.
        decode: raises ValueError for a message that is no value of the type: a submessage missing, an unknown enum.
        message: the message's class.
    """

    encode: Callable[[T], Message]
    decode: Callable[[Message], T]
    message: type[Message]

    def dumps(self, value: T) -> bytes:
        """Return a value as bytes. Raises EncodeError."""
        return self.encode(value).SerializeToString()

    def loads(self, data: bytes) -> T:
        """Return the value in some bytes. Raises ValueError for bytes that hold none."""
        try:
            message = self.message.FromString(data)
        except DecodeError as error:
            raise ValueError(f"no {self.message.DESCRIPTOR.full_name}: {error}") from error
        return self.decode(message)


@dataclass(frozen=True, slots=True)
class _Part:
    """How one value goes in and out; None means as it is.

    Attributes:
        optional: None is a value of the field.
        present: the field's presence tells something and is asked for.
    """

    encode: _Convert | None = None
    decode: _Convert | None = None
    optional: bool = False
    present: bool = False


def codec(hint: object, descriptor: Descriptor) -> Codec[T]:
    """Return the codec of a dataclass, a NamedTuple or a union of them. Raises ContractError."""
    part = _message(hint, descriptor)
    return _codec(part, descriptor)


def arguments_codec(hints: Mapping[str, object], descriptor: Descriptor) -> Codec[tuple[object, ...]]:
    """Return the codec of a call's arguments, in order. Raises ContractError."""
    return _codec(_fields(hints, descriptor, _same, tuple), descriptor)


def field_codec(name: str, hint: object, descriptor: Descriptor) -> Codec[T]:
    """Return the codec of a message with this one field, for the field's value. Raises ContractError."""
    return _codec(_fields({name: hint}, descriptor, lambda value: (value,), lambda values: values[0]), descriptor)


def nothing_codec(descriptor: Descriptor) -> Codec[object]:
    """Return the codec of a message without fields, for None. Raises ContractError."""
    return _codec(_fields({}, descriptor, lambda _: (), lambda _: None), descriptor)


def _codec(part: _Part, descriptor: Descriptor) -> Codec[T]:
    message = GetMessageClass(descriptor)
    to_fields, decode = _both(part)

    def encode(value: T) -> Message:
        fields = to_fields(value)
        try:
            return message(**fields)
        except ValueError as error:
            raise EncodeError(_culprit(message, fields), error) from error

    return Codec(encode, decode, message)


def _culprit(message: Callable[..., Message], fields: Mapping[str, object]) -> str:
    """Return the field that no message can carry, by trying each one."""
    for name, value in fields.items():
        try:
            message(**{name: value})
        except ValueError:
            return name
    return ""


def _both(part: _Part) -> tuple[_Convert, _Convert]:
    """Return the two conversions of a message, which always has both."""
    assert part.encode
    assert part.decode
    return part.encode, part.decode


def _same(value: Sequence[Any]) -> Sequence[Any]:
    """Return the fields of what is its own sequence of fields: a NamedTuple, a tuple of arguments."""
    return value


# ---------------------------------------------------------------- messages


@cache
def _message(hint: object, descriptor: Descriptor) -> _Part:
    """Compile a message type; every type is compiled once per message."""
    if _is_union(hint):
        return _union(get_args(hint), descriptor)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        names = [f.name for f in dataclasses.fields(hint)]
        return _fields(_hints(hint, names), descriptor, _getter(names), lambda values: hint(*values))
    named_tuple: Any = hint
    if hasattr(hint, "_make"):
        return _fields(_hints(named_tuple, named_tuple._fields), descriptor, _same, named_tuple._make)
    raise ContractError(f"{descriptor.full_name}: {hint!r} is no dataclass, NamedTuple or union of them")


def _hints(cls: type, names: Sequence[str]) -> dict[str, object]:
    hints = get_type_hints(cls)
    return {name: hints[name] for name in names}


def _fields(hints: Mapping[str, object], descriptor: Descriptor, values_of: _Values, make: _Make) -> _Part:
    """Compile something made of named values."""
    fields = {field.name: field for field in descriptor.fields}
    if fields.keys() != hints.keys():
        only = ", ".join(sorted(fields.keys() ^ hints.keys()))
        raise ContractError(f"{descriptor.full_name}: these fields are not on both sides: {only}")
    parts = {name: _field(hint, fields[name]) for name, hint in hints.items()}
    return _Part(_encoder(parts, values_of), _decoder(parts, make, descriptor.full_name))


def _encoder(parts: Mapping[str, _Part], values_of: _Values) -> _Convert:
    names = tuple(parts)
    converted = [(name, part.encode, part.optional) for name, part in parts.items() if part.encode]

    def encode(value: Any) -> Any:
        fields = dict(zip(names, values_of(value), strict=True))
        for name, convert, optional in converted:
            if not (optional and fields[name] is None):
                fields[name] = convert(fields[name])
        return fields  # protobuf leaves a field unset that is None

    return encode


def _decoder(parts: Mapping[str, _Part], make: _Make, message_name: str) -> _Convert:
    values_of = _getter(list(parts))
    special = [(i, name, part) for i, (name, part) in enumerate(parts.items()) if part.decode or part.present]
    if not special:
        return lambda message: make(values_of(message))

    def decode(message: Any) -> Any:
        values = list(values_of(message))
        for i, name, part in special:
            if part.present and not message.HasField(name):
                if not part.optional:
                    raise ValueError(f"{message_name}.{name} is missing")
                values[i] = None
            elif part.decode:
                values[i] = part.decode(values[i])
        return make(values)

    return decode


def _getter(names: Sequence[str]) -> _Values:
    """Return a function that reads these attributes as a sequence."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: [getattr(value, name) for name in names]


def _union(members: Sequence[object], descriptor: Descriptor) -> _Part:
    """Compile a union: the message has one oneof, with a field per class."""
    classes = {_snake(cls.__name__): cls for cls in members if isinstance(cls, type)}
    fields = {field.name: field for field in descriptor.fields}
    if len(descriptor.oneofs) != 1 or fields.keys() != classes.keys():
        raise ContractError(f"{descriptor.full_name}: one oneof of exactly {', '.join(classes)} is needed")
    oneof = descriptor.oneofs[0].name
    converts = {name: _both(_value(cls, fields[name])) for name, cls in classes.items()}
    encoders = {cls: (name, converts[name][0]) for name, cls in classes.items()}
    decoders = {name: decode for name, (_, decode) in converts.items()}

    def encode(value: Any) -> Any:
        name, convert = encoders[type(value)]
        return {name: convert(value)}

    def decode(message: Any) -> Any:
        name = message.WhichOneof(oneof)
        if name is None:
            raise ValueError(f"{descriptor.full_name} holds nothing that this version knows")
        return decoders[name](getattr(message, name))

    return _Part(encode, decode)


def _snake(name: str) -> str:
    return _HUMP.sub("_", name).lower()


# ---------------------------------------------------------------- fields


def _field(hint: object, field: FieldDescriptor) -> _Part:
    """Compile one field of a message."""
    if field.is_repeated:
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            return _map(hint, entry.fields_by_name["value"])
        return _repeated(hint, field)
    optional = _is_union(hint) and type(None) in get_args(hint)
    if optional:
        (hint,) = (arg for arg in get_args(hint) if arg is not type(None))
    if field.has_presence != (optional or field.message_type is not None):
        raise ContractError(f"{field.full_name}: only one side is optional")
    part = _value(hint, field)
    return _Part(part.encode, part.decode, optional, field.has_presence)


def _repeated(hint: object, field: FieldDescriptor) -> _Part:
    collect = _COLLECTIONS.get(get_origin(hint))
    if collect is None:
        raise ContractError(f"{field.full_name}: {hint!r} is no collection")
    part = _value(get_args(hint)[0], field)
    encode, decode = part.encode, part.decode
    return _Part(
        encode and (lambda values: [encode(value) for value in values]),
        (lambda values: collect([decode(value) for value in values])) if decode else collect,
    )


def _map(hint: object, value_field: FieldDescriptor) -> _Part:
    if get_origin(hint) is not dict or get_args(hint)[0] is not str:
        raise ContractError(f"{value_field.full_name}: {hint!r} is no dict with str keys")
    part = _value(get_args(hint)[1], value_field)
    encode, decode = part.encode, part.decode
    return _Part(
        encode and (lambda items: {key: encode(value) for key, value in items.items()}),
        (lambda items: {key: decode(value) for key, value in items.items()}) if decode else dict,
    )


def _value(hint: object, field: FieldDescriptor) -> _Part:
    """Compile a single value: a message or a scalar."""
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    if field.message_type is not None:
        return _message(hint, field.message_type)
    decode: _Convert | None = None
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        wanted, decode = FieldDescriptor.TYPE_INT32, hint
    elif isinstance(hint, type) and issubclass(hint, StrEnum):
        wanted, decode = FieldDescriptor.TYPE_STRING, hint
    else:
        wanted = _SCALARS.get(hint, 0)
    if wanted != field.type:
        raise ContractError(f"{field.full_name}: {hint!r} is not what the contract says")
    return _Part(decode=decode)


def _is_union(hint: object) -> bool:
    return get_origin(hint) in (Union, types.UnionType)
