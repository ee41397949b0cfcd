"""What a server says about itself: AsyncAPI for WebSockets, and an OpenAPI document for each dialect."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx2
import pytest

from resonance.config import Settings
from resonance.domain.closes import Close
from resonance.gateway.dialects import enabled
from resonance.gateway.ws.commands import Claimed, Refused
from resonance.gateway.ws.described import said_by_server
from resonance.gateway.ws.doors import NATIVE, Door
from tests.integration.gateway_http.real import client_of, running

DIALECTS = enabled(Settings())
DOORS = [*NATIVE, *(dialect.door() for dialect in DIALECTS)]

Json = Any


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with running(tmp_path, dialects=DIALECTS) as app:
        yield client_of(app, "")


async def fetch(client: httpx2.AsyncClient, path: str) -> Json:
    response = await client.get(path)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    return response.json()


# ---------------------------------------------------------------- AsyncAPI


def references(part: Json) -> Iterator[str]:
    """Return every `$ref` in a document."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def resolve(document: Json, reference: str) -> Json:
    part = document
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    return part


async def test_the_document_is_whole(client: httpx2.AsyncClient) -> None:
    document = await fetch(client, "/asyncapi.json")
    assert document["asyncapi"] == "3.0.0"
    assert {"asyncapi", "info", "servers", "channels", "operations", "components"} == set(document)
    found = set(references(document))
    assert len(found) > 100
    for reference in found:
        assert resolve(document, reference)
    reached = {channel["address"] for channel in document["channels"].values()}
    assert reached == {"/ws", *(path for door in DOORS for path in door.paths)}
    assert {channel["title"] for channel in document["channels"].values()} == {door.name for door in DOORS}
    for name, operation in document["operations"].items():
        assert operation["action"] in ("send", "receive")
        channel = operation["channel"]["$ref"]
        assert operation["messages"], name
        assert all(one["$ref"].startswith(f"{channel}/messages/") for one in operation["messages"])
    used = {reference for reference in found if reference.startswith("#/components/messages/")}
    assert used == {f"#/components/messages/{name}" for name in document["components"]["messages"]}


def fits(value: Json, schema: Json) -> bool:
    """Say whether a value has a schema of the few keywords that the document uses."""
    kinds = schema.get("type", [])
    kinds = kinds if isinstance(kinds, list) else [kinds]
    python = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
    if kinds and type(value) not in [python.get(kind, float) for kind in kinds]:
        return False
    if isinstance(value, dict):
        known = schema.get("properties", {})
        if any(name not in known and "additionalProperties" not in schema for name in value):
            return False
        return all(fits(inner, known.get(name, schema.get("additionalProperties"))) for name, inner in value.items())
    if isinstance(value, list):
        return all(fits(inner, schema["items"]) for inner in value)
    if "contentSchema" in schema:
        return fits(json.loads(base64.b64decode(value)), schema["contentSchema"])
    return True


async def test_examples_have_the_schemas_of_their_messages(client: httpx2.AsyncClient) -> None:
    document = await fetch(client, "/asyncapi.json")
    for name, message in document["components"]["messages"].items():
        assert message["summary"], name
        schema = resolve(document, message["payload"]["$ref"])
        assert message["examples"]
        for example in message["examples"]:
            assert fits(example["payload"], schema), name
    push = document["components"]["schemas"]["nexo.send.push"]["properties"]["data"]["contentSchema"]["properties"]
    assert "server_msg_id" in push["msgs"]["additionalProperties"]["items"]["properties"]
    assert set(document["channels"]["gochat"]["x-close-codes"]) == {str(close.value.number) for close in Close}


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_every_door_has_examples_that_its_codec_reads(door: Door) -> None:
    assert door.examples, "without examples a dialect is neither documented nor fuzzed"
    for example in door.examples:
        command = door.codec.decode(example.payload)
        assert not isinstance(command.packet if isinstance(command, Claimed) else command, Refused), example.name
    assert {"push", "ack", "refusal", "fault"} <= {said.name for said in said_by_server(door)}


class Page(HTMLParser):
    """Collects what a browser would load, where links lead, and the ids of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids.add(values.get("id") or "")
        self.links += [values["href"] or ""] if "href" in values else []
        if tag in {"script", "img", "link", "iframe"}:
            self.loaded.append(tag)


async def test_the_page_loads_nothing_and_shows_every_message(client: httpx2.AsyncClient) -> None:
    response = await client.get("/asyncapi")
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    page = Page(response.text)
    assert page.loaded == []
    document = await fetch(client, "/asyncapi.json")
    for name, channel in document["channels"].items():
        assert {f"{name}.{message}" for message in channel["messages"]} | {name} <= page.ids
    for link in page.links:
        target = link.removeprefix("#")
        assert target in page.ids if link.startswith("#") else (await client.get(link)).status_code == 200


# ---------------------------------------------------------------- OpenAPI


async def test_every_dialect_has_a_document_of_its_own(client: httpx2.AsyncClient) -> None:
    native = await fetch(client, "/openapi.json")
    links = Page((await client.get("/docs")).text).links
    for dialect in DIALECTS:
        document = await fetch(client, f"/openapi-{dialect.name}.json")
        assert f"/openapi-{dialect.name}.json" in links
        assert not set(document["paths"]) & set(native["paths"])
        assert document["paths"], dialect.name
        for path, methods in document["paths"].items():
            assert any(path == prefix or path.startswith(f"{prefix}/") for prefix in dialect.prefixes)
            assert all(operation["tags"] == [dialect.name] for operation in methods.values())
        assert all(resolve(document, reference) for reference in set(references(document)))
    login = (await fetch(client, "/openapi-resonance.json"))["paths"]["/resonance.gateway.v1.AuthService/Login"]["post"]
    assert set(login["requestBody"]["content"]) == {"application/json", "application/proto"}
    fields = login["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
    assert set(fields) == {"accessToken", "user"}
    assert set(fields["user"]["properties"]) == {"username", "nickname", "avatarUrl"}


async def test_there_is_no_document_of_what_is_off(tmp_path: Path) -> None:
    async with running(tmp_path, dialects=DIALECTS[:1]) as app:
        client = client_of(app, "")
        assert (await client.get("/openapi-nexo.json")).status_code == 404
        assert [link for link in Page((await client.get("/docs")).text).links if "openapi-" in link] == [
            "/openapi-resonance.json"
        ]
