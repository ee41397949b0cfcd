"""Reading the places where settings are written: YAML files, `.env`, the environment, the command line.

Every source becomes one flat mapping from dotted key to the text that was written and where; types are checked later,
in one place, so that `http_port: "8080"`, `RESONANCE_SERVICE__HTTP_PORT=8080` and `--port 8080` are the same thing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import yaml  # comes with pydantic-settings, without types
from dotenv.parser import parse_stream

from resonance.config.keys import PREFIX, Key, find, keys, sections, similar, variables

ENV_VARIABLE = PREFIX + "ENV"
NO_SETTINGS = frozenset({ENV_VARIABLE, PREFIX + "SOAK"})
"""Variables with the prefix that are no keys: the choice of files, and the test suites' length."""

Value = str | list[str] | None


class Setting(NamedTuple):
    """What was written for a key and where (a file with its line, or a variable's name)."""

    value: Value
    source: str


class Found(NamedTuple):
    """What one source, or all of them together, had to say; `problems` are sentences for people."""

    settings: dict[str, Setting]
    problems: list[str]

    def take(self, other: Found) -> None:
        """Add a source that wins over everything so far."""
        self.settings.update(other.settings)
        self.problems.extend(other.problems)


def read_yaml(path: Path) -> Found:
    """Read a YAML file; its line numbers go into the sources."""
    found = Found({}, [])
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        found.problems.append(f"{path} is no YAML: {' '.join(str(error).split())}")
        return found
    if isinstance(root, yaml.MappingNode):
        _walk(root, "", path, found)
    elif root is not None:
        found.problems.append(f"{path} has to hold keys and values, as in `resonance config default`")
    return found


def read_dotenv(path: Path) -> tuple[dict[str, str], list[str]]:
    """Return the variables of a `.env` file and what is wrong with it; a foreign variable is wrong."""
    values: dict[str, str] = {}
    problems: list[str] = []
    with path.open(encoding="utf-8", errors="replace") as stream:
        for binding in parse_stream(stream):
            where = f"{path}, line {binding.original.line}"
            if binding.error:
                problems.append(f"{where} is not NAME=value")
            elif binding.key is not None and not binding.key.startswith(PREFIX):
                hint = similar(binding.key, list(variables())) or f"this file may hold {PREFIX}… only"
                problems.append(f"{where}: {binding.key} is not ours; {hint}")
            elif binding.key is not None:
                values[binding.key] = binding.value or ""
    return values, problems


def read_variables(values: Mapping[str, str], place: str) -> Found:
    """Read RESONANCE_… variables; others are left alone. `place` says where they are, for messages."""
    found = Found({}, [])
    for name, text in values.items():
        if not name.startswith(PREFIX) or name in NO_SETTINGS:
            continue
        key = variables().get(name)
        if key is None:
            hint = similar(name, list(variables())) or "`resonance config docs` lists them all"
            found.problems.append(f"{name} ({place}) sets no key; {hint}")
        else:
            _put_text(key, text, f"{name} ({place})", found)
    return found


def read_options(values: Mapping[str, str | None]) -> Found:
    """Read command-line options by dotted key; None means that the option was not given."""
    found = Found({}, [])
    for name, text in values.items():
        if text is not None:
            _put_text(keys()[name], text, "the command line", found)
    return found


def read_entries(values: Mapping[str, str], place: str) -> Found:
    """Read texts by dotted key, from where there are no files. `place` is what their names begin with there."""
    found = Found({}, [])
    for name, text in sorted(values.items()):
        key = keys().get(name)
        if key is None:
            hint = similar(name, list(keys())) or "`resonance config docs` lists all keys"
            found.problems.append(f"{name} is no key ({place}{name}); {hint}")
        else:
            _put_text(key, text, f"{place}{name}", found)
    return found


def _put_text(key: Key, text: str, source: str, found: Found) -> None:
    """Read a value that is one text: lists are JSON or separated by commas, mappings are JSON, nothing is nothing."""
    if key.shape == "list":
        _put_list(key, text, source, found)
    elif key.shape == "mapping":
        _put_mapping(key, text, source, found)
    else:
        found.settings[key.name] = Setting(None if key.optional and not text.strip() else text, source)


def _put_list(key: Key, text: str, source: str, found: Found) -> None:
    if not text.lstrip().startswith("["):
        found.settings[key.name] = Setting([part.strip() for part in text.split(",") if part.strip()], source)
        return
    items = _json(text)
    if isinstance(items, list) and all(isinstance(item, str | int) for item in items):
        found.settings[key.name] = Setting([str(item) for item in items], source)
    else:
        found.problems.append(f'{key.name}: {text!r} is no list such as ["a", "b"] or a,b ({source})')


def _put_mapping(key: Key, text: str, source: str, found: Found) -> None:
    entries = _json(text)
    if isinstance(entries, dict) and all(isinstance(entry, str) for entry in entries.values()):
        found.settings.update({f"{key.name}.{name}": Setting(entry, source) for name, entry in entries.items()})
    else:
        found.problems.append(f'{key.name}: {text!r} is no JSON object such as {{"name": "value"}} ({source})')


def _json(text: str) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


def _walk(node: yaml.MappingNode, prefix: str, path: Path, found: Found) -> None:
    """Flatten a mapping; it recurses only into sections that exist, so an alias to itself cannot loop."""
    seen: set[str] = set()
    for name_node, value in node.value:
        source = f"{path}, line {name_node.start_mark.line + 1}"
        name = f"{prefix}{name_node.value}" if isinstance(name_node, yaml.ScalarNode) else f"{prefix}?"
        key = find(name)
        if name in seen:
            found.problems.append(f"{name} is set twice in one file ({source})")
        elif name in sections() or (key is not None and key.shape == "mapping" and key.name == name):
            _walk_section(name, value, source, path, found)
        elif key is None:
            hint = similar(name, [*keys(), *sections()]) or "`resonance config docs` lists all keys"
            found.problems.append(f"{name} is no key ({source}); {hint}")
        else:
            _put_node(key, name, value, source, found)
        seen.add(name)


def _walk_section(name: str, node: yaml.Node, source: str, path: Path, found: Found) -> None:
    if isinstance(node, yaml.MappingNode):
        _walk(node, f"{name}.", path, found)
    elif not _is_null(node):
        found.problems.append(f"{name} holds keys of its own, not one value ({source})")


def _put_node(key: Key, name: str, node: yaml.Node, source: str, found: Found) -> None:
    if isinstance(node, yaml.SequenceNode) and key.shape == "list":
        if all(isinstance(item, yaml.ScalarNode) for item in node.value):
            found.settings[name] = Setting([item.value for item in node.value], source)
            return
    elif isinstance(node, yaml.ScalarNode) and key.shape == "list":
        _put_list(key, node.value, source, found)
        return
    elif isinstance(node, yaml.ScalarNode) and (key.optional or not _is_null(node)):
        found.settings[name] = Setting(None if _is_null(node) else node.value, source)
        return
    found.problems.append(f"{name}: {_describe(node)} is not allowed ({source}); allowed: {key.allowed}")


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _describe(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    return "a list" if isinstance(node, yaml.SequenceNode) else "nothing"
