"""What a dialect is: another system's protocol, translated to and from the core, so that its clients work unmodified.

A dialect is a folder below `gateway.dialects` and one line in the registry there. It has up to three halves, each
optional, all made from the same tables (`tables.py`: ids, kinds, roles, times, errors):

* **HTTP**: paths that it owns and an ASGI application for them (`http.owned`); usually FastAPI routes that depend on
  `http.context`, as native ones do, with an envelope and a way to find the token of their own.
* **WebSocket**: a `ws.doors.Door` with a `ws.codec.Codec`.
* **gRPC**: `rpc.foreign.Servant`s under the names that services of that system call, on the servers of our roles.

It is pure translation: it may issue several commands for one request, and repeats no rule of the core. The HTTP and
WebSocket halves reach logic by `services` alone, and no half touches a port.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from fastapi import Response
    from starlette.types import ASGIApp

    from resonance.config import Settings
    from resonance.domain.errors import ServiceError
    from resonance.gateway.seams import Downlink, Records
    from resonance.gateway.ws.doors import Door
    from resonance.ports.publications import Fact, Publication
    from resonance.rpc.foreign import Servant
    from resonance.services import LogicServices
    from resonance.services.delivery import Delivery
    from resonance.services.link import LinkService


@dataclass(frozen=True, slots=True)
class LogicParts:
    """What the servants on logic are made of.

    Attributes:
        services: the use cases, which know who may do what: every change goes by them.
        link: for gateways of the other system, which say who is connected to them.
        records: for reads in nobody's name, which only services may ask for.
    """

    services: LogicServices
    delivery: Delivery
    link: LinkService
    records: Records


class Dialect(ABC):
    """One dialect. Its module imports nothing heavy: each half is imported by the role that serves it.

    Attributes:
        name: in `dialects.enabled`, in `?dialect=`, and in the tokens that its clients are given.
        prefixes: the paths that it owns, each with everything below; /api/v1 stays native.
    """

    name: ClassVar[str]
    prefixes: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def app(self) -> ASGIApp:
        """Return what answers requests for its paths. Called once."""

    @abstractmethod
    def refuse(self, error: ServiceError, status: int) -> Response:
        """Return its response for a refusal; `status` is what HTTP would say."""

    @abstractmethod
    def door(self) -> Door:
        """Return its WebSocket half. Called once."""

    def logic_servants(self, logic: LogicParts) -> Sequence[Servant]:
        """Return the gRPC services that logic offers by this system's names: to its services and its gateways."""
        return ()

    def gateway_servants(self, downlink: Downlink) -> Sequence[Servant]:
        """Return the gRPC services that a gateway offers by this system's names."""
        return ()

    def publications(self, fact: Fact) -> Iterable[Publication]:
        """Return what its consumers on the bus are told of an event, for those who configure its topics. Pure."""
        return ()
