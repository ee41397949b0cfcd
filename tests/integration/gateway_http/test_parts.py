"""The small parts behind the door: token cache, addresses, health, documentation."""

from __future__ import annotations

import asyncio
from html.parser import HTMLParser

import pytest

from resonance.domain.errors import Code, ServiceError
from resonance.domain.model import Caller, Principal
from resonance.gateway.http.address import ClientAddresses
from resonance.gateway.http.auth import Authenticator
from resonance.gateway.http.health import Health
from tests.integration.gateway_http.harness import Door
from tests.integration.gateway_http.samples import ANN


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Logic:
    """Answers for any token but "bad", and counts; the token is the device."""

    def __init__(self, expires_at: int = 9_000_000) -> None:
        self.asked: list[str] = []
        self.expires_at = expires_at
        self.gate = asyncio.Event()
        self.gate.set()

    async def authenticate(self, token: str) -> Principal:
        self.asked.append(token)
        await self.gate.wait()
        if token == "bad":
            raise ServiceError(Code.TOKEN_INVALID)
        return Principal(Caller(ANN, 0, f"device of {token}"), self.expires_at)


async def test_an_answer_is_trusted_for_its_time() -> None:
    logic, clock = Logic(), Clock()
    authenticator = Authenticator(logic.authenticate, 2, clock=clock, wall=Clock())
    for now, asked in ((1_000.0, 1), (1_001.9, 1), (1_002.0, 2), (1_003.9, 2)):
        clock.now = now
        assert (await authenticator.authenticate("t")).caller.device_id == "device of t"
        assert len(logic.asked) == asked


async def test_an_answer_is_not_trusted_beyond_the_tokens_end() -> None:
    logic, wall = Logic(expires_at=1_000_500), Clock()
    authenticator = Authenticator(logic.authenticate, 60, clock=Clock(), wall=wall)
    await authenticator.authenticate("t")
    wall.now = 1_000.5
    await authenticator.authenticate("t")
    assert len(logic.asked) == 2


async def test_without_a_time_every_request_asks() -> None:
    logic = Logic()
    authenticator = Authenticator(logic.authenticate, 0, clock=Clock(), wall=Clock())
    for _ in range(3):
        await authenticator.authenticate("t")
    assert len(logic.asked) == 3


async def test_refusals_are_not_remembered() -> None:
    logic = Logic()
    authenticator = Authenticator(logic.authenticate, 60, clock=Clock(), wall=Clock())
    for _ in range(2):
        with pytest.raises(ServiceError, match="token_invalid"):
            await authenticator.authenticate("bad")
    assert len(logic.asked) == 2


async def test_memory_is_bounded_and_the_oldest_answer_goes() -> None:
    logic = Logic()
    authenticator = Authenticator(logic.authenticate, 60, limit=2, clock=Clock(), wall=Clock())
    for token in ("a", "b", "c", "b", "c", "a"):
        await authenticator.authenticate(token)
    assert logic.asked == ["a", "b", "c", "a"]


async def test_forgotten_devices_are_asked_for_again() -> None:
    logic = Logic()
    authenticator = Authenticator(logic.authenticate, 60, clock=Clock(), wall=Clock())
    for token in ("a", "b"):
        await authenticator.authenticate(token)
    authenticator.forget(["device of a"])
    for token in ("a", "b"):
        await authenticator.authenticate(token)
    assert logic.asked == ["a", "b", "a"]


async def test_an_answer_that_was_under_way_when_devices_were_forgotten_is_not_remembered() -> None:
    logic = Logic()
    authenticator = Authenticator(logic.authenticate, 60, clock=Clock(), wall=Clock())
    logic.gate.clear()
    asking = asyncio.ensure_future(authenticator.authenticate("a"))
    await asyncio.sleep(0)  # it has asked and waits at the gate
    assert logic.asked == ["a"]
    authenticator.forget(["device of a"])
    logic.gate.set()
    await asking
    await authenticator.authenticate("a")
    assert logic.asked == ["a", "a"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),  # no proxy of ours
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),  # the left one is hearsay
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),  # through two proxies
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "198.51.100.1, nonsense", "10.0.0.1"),
        ("10.0.0.1", "nonsense, 10.0.0.2", "10.0.0.2"),
        ("2001:db8::1", "2001:db8::2,2001:db9::5", "2001:db9::5"),
        ("", "198.51.100.1", ""),
    ],
)
def test_addresses(peer: str, forwarded: str, client: str) -> None:
    assert ClientAddresses(("10.0.0.0/8", "2001:db8::/64")).find(peer, forwarded) == client


def test_nobody_is_trusted_by_default() -> None:
    assert ClientAddresses(()).find("127.0.0.1", "198.51.100.1") == "127.0.0.1"


def test_what_is_no_address_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="proxy"):
        ClientAddresses(("proxy",))


def test_health() -> None:
    health = Health()
    assert (health.ready, dict(health.reasons)) == (False, {"start": "starting"})
    health.clear("start")
    health.clear("start")
    assert health.ready
    health.block("uplink", "no link to logic")
    health.block("stop", "stopping")
    health.clear("uplink")
    assert (health.ready, dict(health.reasons)) == (False, {"stop": "stopping"})


@pytest.mark.parametrize("path", ["/healthz", "/health"])
async def test_liveness(door: Door, path: str) -> None:
    door.health.block("uplink", "down")
    body = await door.call("GET", path)
    assert body["status"] == "ok"
    assert body["time"] > 1_700_000_000
    assert (await door.client.head(path)).status_code == 200


@pytest.mark.parametrize("path", ["/readyz", "/ready"])
async def test_readiness(door: Door, path: str) -> None:
    assert await door.call("GET", path) == {"status": "ready", "reasons": {}}
    door.health.block("uplink", "down")
    response = await door.client.get(path)
    assert (response.status_code, response.json()) == (503, {"status": "not_ready", "reasons": {"uplink": "down"}})
    assert (await door.client.head(path)).status_code == 503


async def test_the_document_has_stable_names_and_documented_refusals(door: Door) -> None:
    document = await door.call("GET", "/openapi.json")
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names)) > 50
    assert all(name.replace("_", "").isalpha() for name in names)
    for operation in operations:
        assert operation["summary"]
        assert "422" not in operation["responses"]
        assert operation["tags"]
    send = document["paths"]["/api/v1/messages"]["post"]["responses"]
    assert "key_conflict" in send["409"]["description"]
    assert send["409"]["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert "trace_id" in document["components"]["schemas"]["Problem"]["properties"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


class Page(HTMLParser):
    """Collects what a browser would load, and the ids of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids.add(values.get("id") or "")
        if tag in {"script", "img", "link", "iframe"}:
            self.loaded.append(tag)


async def test_the_page_loads_nothing_and_explains_every_code_and_operation(door: Door) -> None:
    response = await door.client.get("/docs")
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    page = Page()
    page.feed(response.text)
    assert page.loaded == []
    assert {code.text for code in Code} <= page.ids
    operations = door.app.openapi()["paths"].values()
    assert {operation["operationId"] for methods in operations for operation in methods.values()} <= page.ids
