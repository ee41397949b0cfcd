"""Generate Python from the contracts in proto/ into src/resonance/_proto: never edited, never committed.

protoc's Python imports modules by their proto path (`from resonance.model.v1 import model_pb2`), which would mix
generated folders with our own package; the one rewrite here moves them below `resonance._proto`: packages of ours
without their `resonance.`, those of other systems (folders of proto/ beside it) with their whole name.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "proto"
OUTPUT = ROOT / "src" / "resonance" / "_proto"
STAMP = OUTPUT / ".stamp"

_IMPORT = re.compile(r"^(from|import) resonance\.(\w+\.v\d+)", re.MULTILINE)
_QUALIFIED = re.compile(r"(?<![\w.\"'/])resonance\.(\w+\.v\d+\.\w+_pb2)")
_FOREIGN = "|".join(path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "resonance")
_FOREIGN_IMPORT = re.compile(rf"^(from|import) ((?:{_FOREIGN})\.[\w.]+)", re.MULTILINE)
_FOREIGN_QUALIFIED = re.compile(rf"(?<![\w.\"'/])((?:{_FOREIGN})\.[\w.]+_pb2)")


def main() -> int:
    """Generate when a contract or this script is newer than the output; return protoc's exit code."""
    sources = sorted(SOURCE.rglob("*.proto"))
    newest = max(path.stat().st_mtime for path in [*sources, Path(__file__)])
    if "--force" not in sys.argv and STAMP.exists() and STAMP.stat().st_mtime >= newest:
        return 0
    with tempfile.TemporaryDirectory(dir=OUTPUT.parent, prefix=".proto-") as folder:
        fresh = Path(folder) / OUTPUT.name
        code = generate(sources, fresh)
        if code:
            return code
        shutil.rmtree(OUTPUT, ignore_errors=True)
        fresh.rename(OUTPUT)
    STAMP.touch()
    print(f"generated {len(sources)} contracts")
    return 0


def generate(sources: list[Path], output: Path) -> int:
    """Generate from the contracts into a new folder; return protoc's exit code."""
    staging = output / "resonance"
    staging.mkdir(parents=True)
    outputs = [f"--{kind}_out={output}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    includes = [f"--proto_path={SOURCE}", f"--proto_path={files('grpc_tools') / '_proto'}"]
    code = int(protoc.main(["protoc", *includes, *outputs, *map(str, sources)]))
    if code:
        return code
    for child in staging.iterdir():
        child.rename(output / child.name)
    staging.rmdir()
    for path in [*output.rglob("*.py"), *output.rglob("*.pyi")]:
        path.write_text(_moved(path.read_text()))
    for package in [output, *(p for p in output.rglob("*") if p.is_dir())]:
        (package / "__init__.py").touch()
    return 0


def _moved(text: str) -> str:
    """Return generated code that imports from below `resonance._proto`."""
    text = _IMPORT.sub(r"\1 resonance._proto.\2", text)
    text = _QUALIFIED.sub(r"resonance._proto.\1", text)
    if not _FOREIGN:
        return text
    text = _FOREIGN_IMPORT.sub(r"\1 resonance._proto.\2", text)
    return _FOREIGN_QUALIFIED.sub(r"resonance._proto.\1", text)


if __name__ == "__main__":
    sys.exit(main())
