"""What `resonance config check|default|docs` print."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby

import yaml  # comes with pydantic-settings, without types

from resonance.config.keys import Key, keys, sections
from resonance.config.load import Loaded
from resonance.config.settings import Settings
from resonance.config.values import format_duration

_HEAD = """\
# Configuration

<!-- written by `resonance config docs`; change the descriptions in src/resonance/config -->

Nothing has to be configured. What is, comes from these places; a later one wins, key by key:

1. `resonance.yaml`
2. `resonance.{env}.yaml`
3. `{role}.yaml`, where the role is `gateway`, `logic`, `repo` or `task`
4. `{role}.{env}.yaml`
5. `.env`, which holds `RESONANCE_…` variables only
6. environment variables
7. options on the command line
8. for keys that are marked **live**: `live.yaml` in the data folder, or etcd (`live.kind`)

Live keys change without a restart. What is written in the file that is watched, or below `{etcd.prefix}/config/`, is
taken over whole or, when anything is wrong with it, not at all; the log says what was applied or refused. Taking a key
out brings back what the other places say. Move a new file into place, so that nobody reads half of it.

The files are looked for in the current folder, or where `--config` says. `{env}` is `dev` unless `--env` or
`RESONANCE_ENV` says otherwise. `resonance serve` is every role in one process; it reads `gateway.yaml` and
`gateway.{env}.yaml` as its role's files.

An unknown key is an error in every place. In variables `__` goes between a section and its key; a list is written as
`a,b` or as JSON, a mapping as JSON. Durations are written `100ms`, `30s`, `5m`, `24h`, `30d`; a bare number is seconds.
Relative paths begin at the folder the server was started in.

`resonance config check` shows what is in effect and where it comes from; `resonance config default` prints a file with
every key to start from.
"""


def check_lines(loaded: Loaded) -> Iterator[tuple[str, str, str, bool]]:
    """Yield every key with its value at start, secrets hidden, where it was set ("" for a default), if it is live."""
    for key in keys().values():
        value = _value(loaded.settings, key.name)
        if not isinstance(value, dict):
            yield key.name, _text(key, value), loaded.sources.get(key.name, ""), key.live
            continue
        for name, entry in value.items():
            yield f"{key.name}.{name}", _text(key, entry), loaded.sources.get(f"{key.name}.{name}", ""), key.live


def default_yaml() -> str:
    """Return a YAML file that sets every key to its default, with each key's meaning above it."""
    lines = ["# Every key with its default; keep what you change and delete the rest."]
    shown: set[str] = set()
    for key in keys().values():
        parts = key.section.split(".") if key.section else []
        lines.append("")
        for depth, part in enumerate(parts):
            section = ".".join(parts[: depth + 1])
            if section not in shown:
                shown.add(section)
                lines += [f"{'  ' * depth}# {sections()[section]}", f"{'  ' * depth}{part}:"]
        indent = "  " * len(parts)
        lines += [f"{indent}# {key.meaning}", f"{indent}# Allowed: {_plain(key.allowed)}"]
        if key.live:
            lines.append(f"{indent}# Live: may change without a restart.")
        lines.append(f"{indent}{key.leaf}: {_text(key, key.default)}")
    return "\n".join(lines) + "\n"


def docs_markdown() -> str:
    """Return the page docs/configuration.md."""
    lines = [_HEAD]
    top_first = sorted(keys().values(), key=lambda key: key.section != "")
    for section, group in groupby(top_first, key=lambda key: key.section):
        title = f"`{section}`: {sections()[section]}" if section else "Top level"
        lines += [f"## {title.removesuffix('.')}", ""]
        lines += ["| key | default | meaning | allowed | variable |", "| --- | --- | --- | --- | --- |"]
        lines += [_row(key) for key in group]
        lines.append("")
    return "\n".join(lines)


def _row(key: Key) -> str:
    default = "(none)" if key.default is None else f"`{_text(key, key.default)}`"
    meaning = f"{key.meaning} **Live.**" if key.live else key.meaning
    cells = (f"`{key.name}`", default, meaning, key.allowed, f"`{key.variable}`")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _value(settings: Settings, name: str) -> object:
    value: object = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _text(key: Key, value: object) -> str:
    """Return a value as YAML on one line."""
    if value is None:
        return "null"
    if key.secret:
        return "********"
    if key.shape == "duration" and isinstance(value, int | float):
        return format_duration(value)
    if isinstance(value, tuple | dict):
        return json.dumps(value)
    line: str = yaml.safe_dump(value if isinstance(value, bool | int | float) else str(value)).splitlines()[0]
    return line


def _plain(markdown: str) -> str:
    return markdown.replace("`", "")
