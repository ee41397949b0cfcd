"""Values survive the wire, and what cannot go over it is refused by name."""

from __future__ import annotations

import dataclasses
import inspect
from dataclasses import dataclass
from types import ModuleType
from typing import NamedTuple

import pytest
from google.protobuf.descriptor import Descriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resonance._proto.accounts.v1 import accounts_pb2
from resonance._proto.delivery.v1 import delivery_pb2
from resonance._proto.friends.v1 import friends_pb2
from resonance._proto.link.v1 import link_pb2
from resonance._proto.model.v1 import model_pb2
from resonance._proto.signal.v1 import signal_pb2
from resonance._proto.store.v1 import store_pb2
from resonance.domain import events, model, signals
from resonance.domain.ids import UserId
from resonance.domain.model import Caller, Device, DeviceState, MemberSettings, Platform, Principal, RecvOpt
from resonance.domain.signals import Signal
from resonance.ports import store
from resonance.rpc.codec import Codec, ContractError, EncodeError, codec
from resonance.services import accounts, delivery, friends, link
from resonance.services.link import DownFrame, UpFrame
from tests.contract.rpc.values import values

MODULES: list[tuple[ModuleType, ModuleType]] = [
    (model, model_pb2),
    (signals, signal_pb2),
    (accounts, accounts_pb2),
    (friends, friends_pb2),
    (delivery, delivery_pb2),
    (link, link_pb2),
    (store, store_pb2),
]


def _value_types() -> list[tuple[object, Descriptor]]:
    """Return every value type of the modules, with the message of its name."""
    found: list[tuple[object, Descriptor]] = [
        (events.Event, model_pb2.Event.DESCRIPTOR),
        (Signal, signal_pb2.Signal.DESCRIPTOR),
        (UpFrame, link_pb2.UpFrame.DESCRIPTOR),
        (DownFrame, link_pb2.DownFrame.DESCRIPTOR),
    ]
    for module, messages in MODULES:
        for name, cls in inspect.getmembers(module, inspect.isclass):
            if cls.__module__ == module.__name__ and (dataclasses.is_dataclass(cls) or hasattr(cls, "_fields")):
                found.append((cls, messages.DESCRIPTOR.message_types_by_name[name]))
    return found


@pytest.mark.parametrize(("hint", "descriptor"), _value_types(), ids=lambda p: getattr(p, "__name__", "message"))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_value_comes_back_as_it_was(hint: object, descriptor: Descriptor, data: st.DataObject) -> None:
    compiled: Codec[object] = codec(hint, descriptor)
    value = data.draw(values(hint))
    back = compiled.loads(compiled.dumps(value))
    assert back == value
    assert type(back) is type(value)


def test_enums_come_back_as_enums() -> None:
    compiled: Codec[Device] = codec(Device, model_pb2.Device.DESCRIPTOR)
    device = Device("d", UserId("u"), Platform.WEB, "", DeviceState.KICKED, "", 1, 2, 3)
    back = compiled.loads(compiled.dumps(device))
    assert back.platform is Platform.WEB
    assert back.state is DeviceState.KICKED


@pytest.mark.parametrize("value", [None, RecvOpt.NORMAL, RecvOpt.NOT_RECV])
def test_none_and_zero_are_different(value: RecvOpt | None) -> None:
    compiled: Codec[MemberSettings] = codec(MemberSettings, model_pb2.MemberSettings.DESCRIPTOR)
    assert compiled.loads(compiled.dumps(MemberSettings(recv_opt=value))).recv_opt is value


@pytest.mark.parametrize(
    ("caller", "field"),
    [
        (Caller(UserId("half a pair \ud800"), 1, "d"), "user_id"),
        (Caller(UserId("u"), 2**63, "d"), "platform"),
        (Caller(UserId("u"), -(2**63) - 1, "d"), "platform"),
        (Caller(UserId("u"), 1, "\udfff"), "device_id"),
    ],
)
def test_what_no_message_can_carry_is_refused_by_name(caller: Caller, field: str) -> None:
    compiled: Codec[Caller] = codec(Caller, model_pb2.Caller.DESCRIPTOR)
    with pytest.raises(EncodeError) as refused:
        compiled.encode(caller)
    assert refused.value.field == field


def test_a_missing_submessage_is_an_error() -> None:
    compiled: Codec[Principal] = codec(Principal, model_pb2.Principal.DESCRIPTOR)
    with pytest.raises(ValueError, match=r"Principal\.caller is missing"):
        compiled.decode(model_pb2.Principal(expires_at=1))


def test_an_enum_of_another_version_is_an_error() -> None:
    compiled: Codec[Device] = codec(Device, model_pb2.Device.DESCRIPTOR)
    with pytest.raises(ValueError, match="99"):
        compiled.decode(model_pb2.Device(platform=99, state="active"))


def test_an_empty_union_is_an_error() -> None:
    compiled: Codec[Signal] = codec(Signal, signal_pb2.Signal.DESCRIPTOR)
    with pytest.raises(ValueError, match="holds nothing"):
        compiled.decode(signal_pb2.Signal())


def test_bytes_that_are_no_message_are_an_error() -> None:
    compiled: Codec[Caller] = codec(Caller, model_pb2.Caller.DESCRIPTOR)
    with pytest.raises(ValueError, match=r"no resonance\.model\.v1\.Caller"):
        compiled.loads(b"\xff\xff\xff")


class _Renamed(NamedTuple):
    user: str
    platform: int
    device_id: str


class _Retyped(NamedTuple):
    user_id: str
    platform: bool
    device_id: str


@dataclass(frozen=True)
class _Optional:
    user_id: str
    platform: int | None
    device_id: str


@dataclass(frozen=True)
class _Repeated:
    user_id: list[str]
    platform: int
    device_id: str


@pytest.mark.parametrize("cls", [_Renamed, _Retyped, _Optional, _Repeated, int])
def test_a_type_that_differs_from_its_message_is_refused(cls: type) -> None:
    with pytest.raises(ContractError, match=r"resonance\.model\.v1\.Caller"):
        codec(cls, model_pb2.Caller.DESCRIPTOR)


def test_a_union_with_a_member_too_many_is_refused() -> None:
    with pytest.raises(ContractError, match="one oneof"):
        codec(Signal | Caller, signal_pb2.Signal.DESCRIPTOR)
