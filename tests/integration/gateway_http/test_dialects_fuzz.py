"""No request to any route of a dialect makes the server fail, and every refusal is in the dialect's own form.

Real logic on a real store behind all dialects that there are. Requests are plausible, bent, or arbitrary bytes under
whatever headers; a mistake of the server's would be a 500 or a line in its log.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRouter
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from structlog.testing import capture_logs

from resonance._proto.gateway.v1 import api_pb2
from resonance.config import Settings
from resonance.config import settings as config
from resonance.domain.errors import Code
from resonance.gateway.dialect import Dialect
from resonance.gateway.dialects import enabled
from resonance.gateway.dialects.gochat.tables import error_code
from tests.e2e.dialects.resonance_messages import CLASSES
from tests.integration.gateway_http.generators import NAMES, TEXTS, VALUES, Json, Shot, operations, shots
from tests.integration.gateway_http.real import CHEAP, login, register, running

SECRET = "a secret of services"
SETTINGS = Settings(accounts=CHEAP, dialects=config.Dialects(nexo_internal_secret=SecretStr(SECRET)))
DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in enabled(SETTINGS)}
ENDS_THE_SESSION = ("/api/auth/logout", "/resonance.gateway.v1.AuthService/Logout")
"""Asked for with a token that is none, or the rest would only meet 401."""

NEXO_CODES = {*range(1001, 1008), *range(2001, 2009), *range(3001, 3009), *range(4001, 4007)}
"""Those of its table; 1002 is a mistake of the server's."""

GOCHAT_CODES = {error_code(code) for code in Code if code.value.status < 500}

Check = Callable[[str, httpx2.Response], None]

# ---------------------------------------------------------------- what an answer of each dialect looks like


def _check_resonance(path: str, response: httpx2.Response) -> None:
    if response.status_code == 200:
        answer = CLASSES[f"{path.rpartition('/')[2]}Response"]
        if response.headers["content-type"] == "application/proto":
            answer.FromString(response.content)
        else:
            assert isinstance(response.json(), dict)
        return
    error = response.json()
    assert 400 <= response.status_code < 500, error
    assert set(error) == {"code", "message", "error"}
    assert error["message"]
    assert error["code"].replace("_", "").islower()
    assert error["code"] not in ("internal", "unknown", "data_loss")


def _check_nexo(path: str, response: httpx2.Response) -> None:
    answer = response.json()
    assert response.status_code == 200, answer
    if path.endswith("/health"):
        assert answer == {"status": "ok"} or answer["code"], answer
        return
    assert set(answer) - {"data"} == {"code", "msg", "message"}
    assert answer["msg"] == answer["message"] != ""
    assert answer["code"] == 0 or answer["code"] in NEXO_CODES - {1002}, answer


def _check_gochat(path: str, response: httpx2.Response) -> None:
    answer = response.json()
    assert response.status_code < 500, answer
    assert answer["success"] is (response.status_code < 300), path
    if not answer["success"]:
        assert answer["message"]
        assert answer["code"] in GOCHAT_CODES


CHECKS: dict[str, Check] = {"resonance": _check_resonance, "nexo": _check_nexo, "gochat": _check_gochat}


# ---------------------------------------------------------------- the server


@dataclass(frozen=True)
class World:
    """A running server with ann, bob and their group, and a token of ann's; one loop for all."""

    loop: asyncio.Runner
    client: httpx2.AsyncClient
    token: str

    def fire(self, dialect: str, method: str, target: bytes, body: bytes | None, headers: dict[str, str]) -> None:
        """Send a request as bytes and check its answer."""
        path = urlsplit(target).path.decode()
        known = {"Authorization": f"Bearer {'none' if path in ENDS_THE_SESSION else self.token}"}
        if path.startswith("/im/internal/"):
            known |= _signature(method, target, body or b"")
        url = httpx2.URL("http://resonance.test").copy_with(raw_path=target)
        with capture_logs() as logs:
            raw = {name.encode(): value.encode() for name, value in (known | headers).items()}
            response = self.loop.run(self.client.request(method, url, content=body, headers=raw))
        CHECKS[dialect](path, response)
        assert not [line for line in logs if line["log_level"] in ("error", "critical")], logs


def _signature(method: str, target: bytes, body: bytes) -> dict[str, str]:
    """Return what a service of Nexo's signs a request with."""
    path = httpx2.URL("http://x").copy_with(raw_path=target).path
    stamp = str(int(time.time()))
    lines = ("billing", stamp, method, path, hashlib.sha256(body).hexdigest())
    signature = hmac.new(SECRET.encode(), "\n".join(lines).encode("utf-8", "replace"), hashlib.sha256).hexdigest()
    return {"X-Service-Name": "billing", "X-Timestamp": stamp, "X-Signature": signature, "X-User-Id": "ann"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run one server for the module."""
    with asyncio.Runner() as loop:
        server = running(tmp_path_factory.mktemp("fuzz"), SETTINGS, dialects=list(DIALECTS.values()))
        app = loop.run(server.__aenter__())
        ann = loop.run(register(app, "ann"))
        loop.run(register(app, "bob"))
        loop.run(ann.call("POST", "groups", {"name": "Team", "group_id": "team", "members": ["bob"]}))
        loop.run(ann.call("POST", "messages", {"to_user": "bob", "content": "hi"}))
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app))
        yield World(loop, client, loop.run(login(app, "ann")).tokens["access_token"])
        loop.run(server.__aexit__(None, None, None))


# ---------------------------------------------------------------- routes


def _document(dialect: Dialect) -> Json:
    router = dialect.app()
    assert isinstance(router, APIRouter)
    return get_openapi(title=dialect.name, version="", routes=router.routes)


DOCUMENTS = {name: _document(dialect) for name, dialect in DIALECTS.items() if name != "resonance"}
ROUTES = [(name, operation) for name, document in DOCUMENTS.items() for operation in sorted(operations(document))]

PROCEDURES: dict[str, MethodDescriptor] = {
    f"/{service.full_name}/{rpc.name}": rpc
    for service in api_pb2.DESCRIPTOR.services_by_name.values()
    for rpc in service.methods
}


def test_every_dialect_is_here() -> None:
    assert set(CHECKS) == set(DIALECTS)
    assert len(ROUTES) > 80
    assert len(PROCEDURES) == 11


FEW = settings(max_examples=settings().max_examples // 5)
"""There are many routes; a soak tries as many times more here as elsewhere."""
_JSON_HEADERS = {"Content-Type": "application/json"}


@pytest.mark.parametrize(("name", "operation"), ROUTES)
@FEW
@given(data=st.data())
def test_plausible_and_bent_requests(world: World, name: str, operation: str, data: st.DataObject) -> None:
    shot: Shot = data.draw(shots(DOCUMENTS[name], operation))
    world.fire(name, shot.method, shot.target.encode(), shot.content, _JSON_HEADERS)


def _field(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    by_type = {
        FieldDescriptor.CPPTYPE_STRING: NAMES | TEXTS,
        FieldDescriptor.CPPTYPE_INT64: st.integers(-5, 10) | st.integers(-(2**63), 2**63 - 1).map(str),
        FieldDescriptor.CPPTYPE_INT32: st.sampled_from([0, 1, 2, 3, -1, 2**31 - 1, 2**31]),
    }
    one = by_type[field.cpp_type] | VALUES
    return st.lists(one, max_size=3) if field.is_repeated else one


@pytest.mark.parametrize("path", sorted(PROCEDURES))
@FEW
@given(data=st.data())
def test_procedures(world: World, path: str, data: st.DataObject) -> None:
    fields = {field.json_name: _field(field) for field in PROCEDURES[path].input_type.fields}
    body = json.dumps(data.draw(st.fixed_dictionaries({}, optional=fields) | VALUES))
    world.fire("resonance", "POST", path.encode(), body.encode(), _JSON_HEADERS)


# ---------------------------------------------------------------- bytes

_TARGETS: dict[str, list[tuple[str, str]]] = {
    **{
        name: [(method, path.replace("{", "").replace("}", "")) for method, path, _ in operations(document).values()]
        for name, document in DOCUMENTS.items()
    },
    "resonance": [("POST", path) for path in PROCEDURES],
}
_TYPES = [
    *("application/json", "application/json; charset=utf-16", "application/proto", "application/x-protobuf"),
    *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=x"),
    *("application/connect+proto", "application/grpc", "", ";", "é", "*/*", "a" * 300),
]
_HEADERS: st.SearchStrategy[dict[str, str]] = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.sampled_from(_TYPES),
        "Content-Encoding": st.sampled_from(["gzip", "identity", "br", "", "gzip, gzip"]),
        "Content-Length": st.sampled_from(["0", "1", "7", "100000"]),
        "Connect-Protocol-Version": st.sampled_from(["1", "2", "", "x"]),
        "Connect-Timeout-Ms": st.sampled_from(["60000", "9999999999", "-1", "1.5", "", "٣", "9" * 11]),
        "Accept-Encoding": st.sampled_from(["gzip", "*", ""]),
        "X-Token": st.text(st.characters(max_codepoint=255, min_codepoint=32), max_size=5),
        "X-User-Id": st.text(st.characters(max_codepoint=255, min_codepoint=32), max_size=5),
        "Authorization": st.sampled_from(["", "Bearer", "Bearer x y", "Basic eDp5", "é", "x" * 5_000]),
    },
)
_DEEP = [b"[" * 100_000, b'{"a":' * 1_100 + b"1" + b"}" * 1_100, b'{"username":' + b"[" * 990 + b"]" * 990 + b"}"]
_BODIES = (
    st.none()
    | st.binary(max_size=200)
    | st.sampled_from(
        [*_DEEP, gzip.compress(b"{}"), b"\xef\xbb\xbf{}", b"\xff\xfe{\0}\0", b'{"a":1e999}', b"\n" * 1_000]
    )
    | VALUES.map(lambda value: json.dumps(value).encode())
)
_QUERIES = st.sampled_from([b"", b"?", b"?%00", b"?a=%ff&limit=%ed%a0%80", b"?page=1&page=x", b"?" + b"a=b&" * 500]) | (
    st.binary(max_size=20).map(lambda raw: b"?" + b"".join(b"%%%02x" % byte for byte in raw))
)


@pytest.mark.parametrize("name", sorted(DIALECTS))
@given(data=st.data())
def test_arbitrary_bodies_headers_and_queries(world: World, name: str, data: st.DataObject) -> None:
    method, path = data.draw(st.sampled_from(_TARGETS[name]))
    target = path.encode() + data.draw(_QUERIES)
    world.fire(name, method, target, data.draw(_BODIES), data.draw(_HEADERS))


_PARTS = st.text(st.sampled_from("ab/.%20%00%2f%c3%a9%ff;=@~"), max_size=12)
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "FOO"]


@pytest.mark.parametrize("name", sorted(DIALECTS))
@given(data=st.data())
def test_paths_that_are_none_and_methods_that_are_not_for_them(world: World, name: str, data: st.DataObject) -> None:
    parts = _PARTS.filter(lambda part: not {".", ".."} & set(part.split("/")))  # clients resolve those by themselves
    below = st.sampled_from(DIALECTS[name].prefixes).flatmap(lambda prefix: parts.map(lambda part: f"{prefix}/{part}"))
    method = data.draw(st.sampled_from([one for one in _METHODS if one != "HEAD"]))
    path = data.draw(below | st.sampled_from([path for _, path in _TARGETS[name]]))
    world.fire(name, method, path.encode(), data.draw(_BODIES), {})


@pytest.mark.parametrize(
    ("name", "method", "path", "body"),
    [
        ("nexo", "PUT", "/user/update", b'{"extra":{"n":-9223372036854775809}}'),
        ("nexo", "PUT", "/user/update", b'{"extra":{"n":%s}}' % (b"9" * 5_000)),
    ],
)
def test_what_was_found_once(world: World, name: str, method: str, path: str, body: bytes) -> None:
    world.fire(name, method, path.encode(), body, _JSON_HEADERS)


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_a_slash_too_many_is_refused_and_not_redirected(world: World, name: str) -> None:
    for method, path in _TARGETS[name]:
        world.fire(name, method, f"{path}/".encode(), None, {})


def test_ann_is_still_logged_in(world: World) -> None:
    headers = {"Authorization": f"Bearer {world.token}"}
    response = world.loop.run(world.client.get("http://resonance.test/api/v1/users/me", headers=headers))
    assert response.json()["id"] == "ann"
