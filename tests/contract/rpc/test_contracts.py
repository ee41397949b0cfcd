"""The abstract classes and the proto files say the same, and every method is classified; a drift is refused."""

from __future__ import annotations

import inspect
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resonance._proto.delivery.v1 import delivery_pb2
from resonance.domain.model import Audience, Entry
from resonance.rpc.codec import ContractError
from resonance.rpc.contracts import CONTRACTS, Contract
from resonance.rpc.methods import compile_methods, methods_of
from resonance.services.delivery import Delivery, SignalTo
from tests.contract.rpc.values import values

METHODS = [(abstract, name) for abstract in CONTRACTS for name in methods_of(abstract)]


@pytest.mark.parametrize("abstract", CONTRACTS, ids=lambda cls: cls.__name__)
def test_class_and_service_have_the_same_methods_and_fields(abstract: type) -> None:
    rpcs = {rpc.name: [field.name for field in rpc.input_type.fields] for rpc in CONTRACTS[abstract].service.methods}
    ours = {
        "".join(part.title() for part in name.split("_")): list(inspect.signature(function).parameters)[1:]
        for name, function in vars(abstract).items()
        if inspect.iscoroutinefunction(function)
    }
    assert ours == rpcs


@pytest.mark.parametrize("abstract", CONTRACTS, ids=lambda cls: cls.__name__)
def test_every_method_is_in_exactly_one_set(abstract: type) -> None:
    contract = CONTRACTS[abstract]
    assert sorted([*contract.reads, *contract.keyed, *contract.once]) == sorted(methods_of(abstract))


@pytest.mark.parametrize(("abstract", "name"), METHODS, ids=lambda p: getattr(p, "__name__", p))
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_arguments_and_results_come_back_as_they_were(abstract: type, name: str, data: st.DataObject) -> None:
    method = methods_of(abstract)[name]
    hints = get_type_hints(getattr(abstract, name))
    result = data.draw(values(hints.pop("return")))
    arguments = tuple(data.draw(values(hint)) for hint in hints.values())
    assert method.load_arguments(method.dump_arguments(arguments)) == arguments
    assert method.load_result(method.dump_result(result)) == result


# ---------------------------------------------------------------- drift

CONTRACT = CONTRACTS[Delivery]


class _Method(ABC):
    @abstractmethod
    async def deliver_entries(self, entries: Sequence[Entry], audience: Sequence[Audience]) -> None: ...
    @abstractmethod
    async def deliver_signals(self, signals: Sequence[SignalTo]) -> None: ...


class _Parameter(_Method):
    @abstractmethod
    async def deliver_entries(self, entries: Sequence[Entry]) -> None: ...  # type: ignore[override]
    @abstractmethod
    async def deliver_signals(self, signals: Sequence[SignalTo]) -> None: ...
    @abstractmethod
    async def offline(self, user_ids: Sequence[str]) -> list[str]: ...


class _Type(_Method):
    @abstractmethod
    async def deliver_entries(self, entries: Sequence[Entry], audience: Sequence[Audience]) -> None: ...
    @abstractmethod
    async def deliver_signals(self, signals: Sequence[SignalTo]) -> None: ...
    @abstractmethod
    async def offline(self, user_ids: Sequence[int]) -> list[str]: ...


class _Result(_Method):
    @abstractmethod
    async def deliver_entries(self, entries: Sequence[Entry], audience: Sequence[Audience]) -> None: ...
    @abstractmethod
    async def deliver_signals(self, signals: Sequence[SignalTo]) -> int: ...  # type: ignore[override]
    @abstractmethod
    async def offline(self, user_ids: Sequence[str]) -> list[str]: ...


@pytest.mark.parametrize(
    ("drifted", "told"),
    [(_Method, "Offline"), (_Parameter, "audience"), (_Type, "user_ids"), (_Result, "result")],
)
def test_a_class_that_drifts_is_refused(drifted: type, told: str) -> None:
    with pytest.raises(ContractError, match=told):
        compile_methods(drifted, CONTRACT)


@pytest.mark.parametrize(
    ("contract", "told"),
    [
        (replace(CONTRACT, reads=frozenset()), "only on one side: offline"),
        (replace(CONTRACT, keyed=frozenset({"offline"})), "classified twice"),
        (replace(CONTRACT, once=CONTRACT.once | {"gone"}), "only on one side: gone"),
    ],
)
def test_a_method_that_is_not_classified_is_refused(contract: Contract, told: str) -> None:
    with pytest.raises(ContractError, match=told):
        compile_methods(Delivery, contract)


def test_the_drift_examples_differ_from_the_real_class_only_where_they_say() -> None:
    assert compile_methods(Delivery, CONTRACT).keys() == {"deliver_entries", "deliver_signals", "offline"}
    assert CONTRACT.service is delivery_pb2.DESCRIPTOR.services_by_name["DeliveryService"]


def test_one_process_needs_no_grpc() -> None:
    code = "import sys, resonance.rpc.loopback, resonance.rpc.connector; sys.exit('grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
