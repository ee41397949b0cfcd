"""No key does nothing: each is read by code outside the configuration's own folder.

The check reads the source: `x.leaf` counts for `section.leaf` when `x` ends in the section's name
(`settings.service.host`), is annotated with the section's class (`config: Service`), or was made from one of the two.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from resonance.config.keys import keys
from resonance.config.settings import Settings
from resonance.config.values import Section

SOURCE = Path(__file__).parents[3] / "src" / "resonance"


def section_classes(model: type[Section] = Settings, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the class name and the dotted name of every section."""
    yield model.__name__, name
    for leaf, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from section_classes(kind, f"{name}.{leaf}".removeprefix("."))


CLASSES = dict(section_classes())


class Reads(ast.NodeVisitor):
    """Collects the keys that one module reads; `names` maps a variable or attribute to the section it holds."""

    def __init__(self) -> None:
        self.names: dict[str, set[str]] = {"settings": {""}}
        self.classes = dict(CLASSES)  # also under the names that the module imports them by
        self.found: set[str] = set()

    def sections_of(self, node: ast.expr | None) -> set[str]:
        """Return the sections that an expression may be."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, set())
        if isinstance(node, ast.Attribute):
            own = self.names.get(node.attr, set())
            nested = {f"{outer}.{node.attr}".removeprefix(".") for outer in self.sections_of(node.value)}
            return own | (nested & set(CLASSES.values()))
        return set()

    def learn(self, name: str, annotation: ast.expr | None, value: ast.expr | None = None) -> None:
        """Note what a name holds, from its annotation or from what is assigned to it."""
        words = {part.id for part in ast.walk(annotation) if isinstance(part, ast.Name)} if annotation else set()
        held = {self.classes[word] for word in words & set(self.classes)} | self.sections_of(value)
        if held:
            self.names.setdefault(name, set()).update(held)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for name in node.names:
            if name.name in CLASSES:
                self.classes[name.asname or name.name] = CLASSES[name.name]

    def visit_arg(self, node: ast.arg) -> None:
        self.learn(node.arg, node.annotation)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.learn(_last(node.target), node.annotation, node.value)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            pairs = (
                zip(target.elts, node.value.elts, strict=False)
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
                else [(target, node.value)]
            )
            for name, value in pairs:
                self.learn(_last(name), None, value)
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        for section in self.sections_of(node.value):
            self.found.add(f"{section}.{node.attr}".removeprefix("."))
        self.generic_visit(node)


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def keys_read_by(source: str) -> set[str]:
    """Return the keys that a module reads; it is walked twice, for names that are used before they are learnt."""
    reads = Reads()
    tree = ast.parse(source)
    reads.visit(tree)
    reads.visit(tree)
    return reads.found


def keys_read() -> set[str]:
    """Return the keys that any module reads, the configuration's own left out, but for the one that derives paths."""
    modules = [path for path in SOURCE.rglob("*.py") if path.relative_to(SOURCE).parts[0] not in {"config", "_proto"}]
    modules.append(SOURCE / "config" / "paths.py")
    return set().union(*(keys_read_by(path.read_text(encoding="utf-8")) for path in modules))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("settings.service.host", {"service.host"}),
        ("self._settings: Settings = x\nself._settings.inbox", {"inbox"}),
        ("def f(config: WsConfig | None):\n  config.in_flight", {"ws_config.in_flight"}),
        ("from x import Presence as P\ndef f(p: P):\n  p.offline_delay", {"presence.offline_delay"}),
        ("def f(c: Settings):\n  a, b = c.rpc, 1\n  a.deadline", {"rpc.deadline"}),
        ("m = settings.observability.metrics\nm.port", {"observability.metrics.port"}),
        ("other.host", set()),
    ],
)
def test_the_check_sees_what_is_read(source: str, expected: set[str]) -> None:
    assert expected <= keys_read_by(source)
    assert not keys_read_by("unrelated.host; service.host")


def test_every_key_is_read_somewhere() -> None:
    unused = sorted(set(keys()) - keys_read())
    assert unused == [], f"nothing reads {', '.join(unused)}"
