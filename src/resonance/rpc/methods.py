"""The methods of an abstract class as calls: their gRPC path and the codecs of their arguments and results.

The request holds the parameters by name, the response one field `result`, or nothing for None.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar, get_type_hints

from google.protobuf.descriptor import MethodDescriptor

from resonance.domain.errors import Code, ServiceError, invalid
from resonance.rpc.codec import Codec, ContractError, EncodeError, arguments_codec, field_codec, nothing_codec
from resonance.rpc.contracts import CONTRACTS, Contract

S = TypeVar("S")
Call = Callable[["Method", Sequence[object]], Awaitable[object]]
"""Carries one call: the method, its arguments in order; returns its result or raises ServiceError."""

_WAIT = "wait_ms"


@dataclass(frozen=True, slots=True)
class Method:
    """One method of an abstract class, ready to be called over a wire.

    Attributes:
        path: gRPC's name of it, `/package.Service/Method`.
        repeatable: whether calling it twice does what calling it once does.
    """

    name: str
    path: str
    repeatable: bool
    _signature: inspect.Signature
    _arguments: Codec[tuple[object, ...]]
    _result: Codec[object]
    _key: Callable[..., str] | None

    def key(self, arguments: Sequence[object]) -> str:
        """Return what calls of this method are spread by over several processes; "" when they take turns."""
        return "" if self._key is None else self._key(*arguments)

    def bind(self, args: Sequence[object], kwargs: Mapping[str, object]) -> tuple[object, ...]:
        """Return a call's arguments in order. Raises TypeError as a call would."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.args

    def wait_s(self, arguments: Sequence[object]) -> float:
        """Return how long the call may wait by its own parameter `wait_ms`, in seconds."""
        named = dict(zip(self._signature.parameters, arguments, strict=True))
        wait_ms = named.get(_WAIT, 0)
        assert isinstance(wait_ms, int)
        return wait_ms / 1000

    def dump_arguments(self, arguments: Sequence[object]) -> bytes:
        """Return the request's bytes. Raises ServiceError INVALID_ARGUMENT for what no request can carry."""
        try:
            return self._arguments.dumps(tuple(arguments))
        except EncodeError as error:
            raise invalid(error.field, str(error)) from error

    def load_arguments(self, request: bytes) -> tuple[object, ...]:
        """Return the arguments in a request. Raises ServiceError MALFORMED_PACKET."""
        try:
            return self._arguments.loads(request)
        except ValueError as error:
            raise ServiceError(Code.MALFORMED_PACKET, str(error)) from error

    def dump_result(self, result: object) -> bytes:
        """Return the response's bytes. Raises ValueError for what no response can carry."""
        return self._result.dumps(result)

    def load_result(self, response: bytes) -> object:
        """Return the result in a response. Raises ServiceError INTERNAL for a response that holds none."""
        try:
            return self._result.loads(response)
        except ValueError as error:
            raise ServiceError(Code.INTERNAL, f"the answer of {self.path} cannot be read: {error}") from error


@cache
def methods_of(abstract: object) -> dict[str, Method]:
    """Return the methods of a class in the table, by name; compiled once."""
    return compile_methods(abstract, CONTRACTS[abstract])


def compile_methods(abstract: object, contract: Contract) -> dict[str, Method]:
    """Compile a class's methods against a contract.

    Raises:
        ContractError: a method, parameter, type or classification is on one side only, or differs.
    """
    functions = {name: f for name, f in vars(abstract).items() if getattr(f, "__isabstractmethod__", False)}
    rpcs = contract.service.methods_by_name
    _same_names({_camel(name) for name in functions}, set(rpcs), contract.service.full_name)
    classified = [*contract.reads, *contract.keyed, *contract.once]
    _same_names(set(functions), set(classified), f"the classification of {contract.service.full_name}")
    if len(classified) != len(functions):
        raise ContractError(f"{contract.service.full_name}: a method is classified twice")
    repeatable = contract.reads | contract.keyed
    return {
        name: _method(name, f, rpcs[_camel(name)], name in repeatable, contract.by.get(name))
        for name, f in functions.items()
    }


def _method(
    name: str,
    function: Callable[..., object],
    rpc: MethodDescriptor,
    repeatable: bool,
    key: Callable[..., str] | None,
) -> Method:
    hints = get_type_hints(function)
    returned = hints.pop("return")
    signature = inspect.signature(function)
    signature = signature.replace(parameters=list(signature.parameters.values())[1:])
    arguments = arguments_codec({parameter: hints[parameter] for parameter in signature.parameters}, rpc.input_type)
    result: Codec[object]
    if returned is type(None):
        result = nothing_codec(rpc.output_type)
    else:
        result = field_codec("result", returned, rpc.output_type)
    path = f"/{rpc.containing_service.full_name}/{rpc.name}"
    return Method(name, path, repeatable, signature, arguments, result, key)


def _same_names(ours: set[str], theirs: set[str], where: str) -> None:
    if ours != theirs:
        raise ContractError(f"{where}: only on one side: {', '.join(sorted(ours ^ theirs))}")


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def proxy(abstract: Callable[..., S], call: Call) -> S:
    """Return an object of an abstract class whose methods all go through `call`."""

    def forward(method: Method) -> Callable[..., Awaitable[object]]:
        async def forwarded(_self: object, *args: object, **kwargs: object) -> object:
            return await call(method, method.bind(args, kwargs))

        return forwarded

    assert isinstance(abstract, type)
    body = {name: forward(method) for name, method in methods_of(abstract).items()}
    made: Callable[[], S] = type(f"{abstract.__name__}Proxy", (abstract,), body)
    return made()
