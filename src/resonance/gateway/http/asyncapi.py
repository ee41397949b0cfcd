"""The documentation of WebSockets: the AsyncAPI document, and the same as a page without scripts and other servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from html import escape

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse

from resonance.gateway.http.docs import CSP, STYLE, Json, row, table
from resonance.gateway.ws.described import document as describe
from resonance.gateway.ws.doors import Door

_DIRECTIONS = {"receive": "What clients say", "send": "What the server says"}


def install(app: FastAPI, doors: Sequence[Door]) -> None:
    """Serve the document at /asyncapi.json and the page at /asyncapi."""

    @app.get("/asyncapi.json", include_in_schema=False)
    async def asyncapi() -> JSONResponse:
        return JSONResponse(await asyncio.to_thread(describe, doors, app.version))

    @app.get("/asyncapi", include_in_schema=False)
    async def page() -> HTMLResponse:
        document = await asyncio.to_thread(describe, doors, app.version)
        return HTMLResponse(render(document), headers={"Content-Security-Policy": CSP})


def render(document: Json) -> str:
    """Return the document as one page of HTML."""
    info = document["info"]
    title = escape(f"{info['title']} {info['version']}")
    channels = document["channels"]
    links = " ".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in channels)
    sections = "".join(_channel(document, name) for name in channels)
    codes = "".join(row(code, "", text, False) for code, text in next(iter(channels.values()))["x-close-codes"].items())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}'
        f"pre {{ overflow-x: auto }}</style><h1>{title}</h1><p>{escape(info['description'])}</p>"
        f'<p>The same for machines: <a href="/asyncapi.json">/asyncapi.json</a>. HTTP: <a href="/docs">/docs</a>.</p>'
        f"<p>{links}</p>{sections}<h2>Close codes</h2><table>{codes}</table></html>"
    )


def _channel(document: Json, name: str) -> str:
    channel = document["channels"][name]
    query = channel["bindings"]["ws"]["query"]["properties"]
    parameters = [row(one, "query", schema["description"], False) for one, schema in query.items()]
    parts = [
        f"<h3>{title}</h3>"
        + "".join(
            _message(document, f"{name}.{key}", channel["messages"][key]["$ref"])
            for key in channel["messages"]
            if key.startswith(f"{action}.")
        )
        for action, title in _DIRECTIONS.items()
    ]
    return (
        f'<h2 id="{escape(name)}">{escape(channel["title"])} <code>{escape(channel["address"])}</code></h2>'
        f"{table('Parameters', parameters)}{''.join(parts)}"
    )


def _message(document: Json, anchor: str, reference: str) -> str:
    components = document["components"]
    key = reference.rsplit("/", 1)[-1]
    message, schema = components["messages"][key], components["schemas"][key]
    fields = [row(path, kind, "", False) for path, kind in _fields(schema, "")]
    example = json.dumps(message["examples"][0]["payload"], indent=2, ensure_ascii=False)
    return (
        f'<details id="{escape(anchor)}"><summary><b class="m">{escape(message["title"])}</b> '
        f"{escape(message['summary'])}</summary><p><code>{escape(message['contentType'])}</code> "
        f"{escape(schema.get('description', ''))}</p>{table('Fields', fields)}<pre>{escape(example)}</pre></details>"
    )


def _fields(schema: Json, path: str) -> Iterator[tuple[str, str]]:
    """Return the fields of a schema with their types, those inside of others by their paths."""
    inner = {
        **{f"{path}.{name}" if path else name: field for name, field in schema.get("properties", {}).items()},
        **({f"{path}.*": schema["additionalProperties"]} if "additionalProperties" in schema else {}),
        **({f"{path}[]": schema["items"]} if "items" in schema else {}),
        **({f"{path} (base64)": schema["contentSchema"]} if "contentSchema" in schema else {}),
    }
    for name, field in inner.items():
        kind = field.get("type", "any")
        yield name, kind if isinstance(kind, str) else " or ".join(kind)
        yield from _fields(field, name)
