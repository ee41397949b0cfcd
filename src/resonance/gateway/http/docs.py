"""The API's documentation: OpenAPI documents, and the native one as a page that needs no script and no other server.

A dialect has a document of its own at /openapi-{name}.json, so that the native one stays what native clients need.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse

from resonance.domain.errors import Code, ServiceError
from resonance.gateway.http.errors import Problem
from resonance.gateway.http.owned import Owned

Json = dict[str, Any]
"""A part of the OpenAPI document."""

CSP = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code, b.m { font-family: ui-monospace, monospace } b.m { display: inline-block; min-width: 4.5rem }
details { border: 1px solid #8886; border-radius: 6px; margin: .4rem 0; padding: .3rem .8rem }
summary { cursor: pointer }
table { border-collapse: collapse; width: 100% }
td { border-top: 1px solid #8884; padding: .2rem .6rem .2rem 0; vertical-align: top }
"""


class DocumentedApp(FastAPI):
    """FastAPI, whose document also holds the schema that every refusal has."""

    def openapi(self) -> Json:
        """Return the OpenAPI document; made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            document["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        assert self.openapi_schema is not None
        return self.openapi_schema


def install(app: DocumentedApp, owned: Sequence[Owned] = ()) -> None:
    """Serve the document at /openapi.json, those of dialects beside it, and the page at /docs.

    Making the document takes a third of a second, so that happens on a thread: the loop has connections to serve.
    """

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> JSONResponse:
        return JSONResponse(await asyncio.to_thread(app.openapi))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        document = await asyncio.to_thread(app.openapi)
        return HTMLResponse(render(document, list(dialects)), headers={"Content-Security-Policy": CSP})

    dialects = {one.name: one for one in owned}

    @app.get("/openapi-{name}.json", include_in_schema=False)
    async def openapi_of(name: str) -> JSONResponse:
        if name not in dialects:
            raise ServiceError(Code.NOT_FOUND, f"{name[:40]!r} is no dialect: {', '.join(dialects) or 'none'} are")
        return JSONResponse(await asyncio.to_thread(_document_of, dialects[name], app.version))


def _document_of(owned: Owned, version: str) -> Json:
    """Return the OpenAPI document of a dialect; all of its operations have the dialect's tag."""
    document = get_openapi(title=f"Resonance, as {owned.name}", version=version, routes=owned.routes)
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["tags"] = [owned.name]
            operation["responses"].pop("422", None)  # the framework's: dialects refuse in their own form
    return document


def render(document: Json, dialects: Sequence[str] = ()) -> str:
    """Return the document as one page of HTML, with links to those of dialects."""
    schemas: Json = document["components"]["schemas"]
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation(method, path, operation, schemas))
    title = escape(f"{document['info']['title']} API {document['info']['version']}")
    sections = "".join(f"<h2>{escape(tag)}</h2>{''.join(operations)}" for tag, operations in by_tag.items())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f'<h1>{title}</h1><p>The same for machines: <a href="/openapi.json">/openapi.json</a>. '
        f'WebSockets: <a href="/asyncapi">/asyncapi</a>.{_links(dialects)}</p>{sections}'
        f"<h2>Refusals</h2><p>Every refusal is <code>application/problem+json</code> (RFC 9457).</p>"
        f"{_catalogue()}</html>"
    )


def _links(dialects: Sequence[str]) -> str:
    links = (f'<a href="/openapi-{escape(name)}.json">{escape(name)}</a>' for name in dialects)
    return f" Dialects: {', '.join(links)}." if dialects else ""


def _operation(method: str, path: str, operation: Json, schemas: Json) -> str:
    parameters = [
        row(one["name"], f"{one['in']}, {_type(one['schema'])}", one.get("description", ""), one.get("required", False))
        for one in operation.get("parameters", ())
    ]
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    refusals = [row(status, "", one["description"], False) for status, one in operation["responses"].items()][1:]
    token = "" if "security" in operation else " <small>(no token)</small>"
    return (
        f'<details id="{escape(operation["operationId"])}"><summary><b class="m">{method.upper()}</b> '
        f"<code>{escape(path)}</code> {escape(operation['summary'])}{token}</summary>"
        f"<p>{escape(operation.get('description', ''))}</p>{table('Parameters', parameters)}"
        f"{table('Body', _body(operation, schemas))}{table('Answer', _fields(answer, schemas))}"
        f"{table('Refusals', refusals)}</details>"
    )


def _body(operation: Json, schemas: Json) -> list[str]:
    if "requestBody" not in operation:
        return []
    return _fields(operation["requestBody"]["content"]["application/json"]["schema"], schemas)


def _fields(schema: Json, schemas: Json) -> list[str]:
    reference = schema if "$ref" in schema else schema.get("anyOf", [schema])[0]
    resolved = schemas[_name(reference)] if "$ref" in reference else reference
    required = resolved.get("required", ())
    return [
        row(name, _type(field), field.get("description", ""), name in required)
        for name, field in resolved.get("properties", {}).items()
    ]


def _type(schema: Json) -> str:
    if "$ref" in schema:
        return _name(schema)
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return " | ".join(str(value) for value in schema.get("enum", [schema.get("const")]))
    kind = str(schema.get("type", "any"))
    return f"{kind} of {_type(schema['items'])}" if kind == "array" else kind


def _name(reference: Json) -> str:
    return str(reference["$ref"]).rsplit("/", 1)[-1]


def row(name: str, kind: str, text: str, required: bool) -> str:
    mark = " *" if required else ""
    return f"<tr><td><code>{escape(name)}</code>{mark}<td>{escape(kind)}<td>{escape(text)}</tr>"


def table(title: str, rows: list[str]) -> str:
    return f"<h4>{title}</h4><table>{''.join(rows)}</table>" if rows else ""


def _catalogue() -> str:
    rows = (
        f'<tr id="{code.text}"><td><code>{code.text}</code><td>{code.value.status}'
        f"<td>{'try again' if code.value.retry else ''}<td>{escape(code.value.meaning)}</tr>"
        for code in Code
    )
    return f"<table>{''.join(rows)}</table>"
