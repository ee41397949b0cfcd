"""What a disk would hold after a power cut, worked out from a trace of a program's system calls.

A write is certain only once an fsync (or fdatasync) of its file that began after it has ended. Everything else may be
lost, so a cut keeps of a file what was certain and, if wanted, any part of the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

STRACE = ["strace", "-f", "-y", "-xx", "-s", "1000000", "-e", "trace=write,pwrite64,ftruncate,fsync,fdatasync"]

_CALL = re.compile(
    r"^(?P<pid>\d+) +(?:(?P<name>\w+)\(\d+<(?P<path>[^>]*)>(?P<args>.*)|<\.\.\. (?P<resumed>\w+) resumed>(?P<rest>.*))$"
)
_WRITE = re.compile(r', "(?P<data>[^"]*)", (?P<size>\d+)(?:, (?P<offset>\d+))?')


@dataclass(frozen=True)
class Write:
    """A change of a file: bytes at an offset, or (no bytes) the file's new size."""

    offset: int
    data: bytes | None

    def apply(self, content: bytearray) -> None:
        """Make the change; a gap before it reads as zeros."""
        if self.data is None:
            del content[self.offset :]
            content.extend(bytes(self.offset - len(content)))
            return
        content.extend(bytes(max(0, self.offset - len(content))))
        content[self.offset : self.offset + len(self.data)] = self.data


@dataclass
class File:
    """A file as the disk holds it for certain, and the changes that may be lost."""

    certain: bytearray = field(default_factory=bytearray)
    pending: list[Write] = field(default_factory=list)

    def synced(self, upto: int) -> None:
        """The first `upto` pending changes reached the disk."""
        for change in self.pending[:upto]:
            change.apply(self.certain)
        del self.pending[:upto]

    def cut(self, survives: Callable[[], bool]) -> bytes:
        """Return what is there after a power cut in which some pending changes happened to survive."""
        content = bytearray(self.certain)
        for change in self.pending:
            if survives():
                change.apply(content)
        return bytes(content)


class Disk:
    """The files of one folder, followed through a trace."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files: dict[str, File] = {}
        # Per thread, the call that strace has seen begin but not end: (name, path, pending changes at its begin).
        self._open: dict[str, tuple[str, str, int]] = {}

    def load(self) -> None:
        """Take the folder's present content as certain."""
        for path in self._folder.iterdir():
            self.files[str(path)] = File(bytearray(path.read_bytes()))

    def replay(self, trace: Path, acks: Path) -> Iterator[str]:
        """Follow a trace; yield what is written to the file `acks`, each time before going on."""
        for line in trace.read_text().splitlines():
            match = _CALL.match(line)
            if match is None:
                continue
            if match["resumed"]:
                self._end(match["pid"])
                continue
            path = _unescaped(match["path"]).decode()
            if path == str(acks):
                yield _written(match["args"]).decode()
            elif path.startswith(str(self._folder)):
                self._begin(match["pid"], match["name"], path, match["args"])

    def _begin(self, pid: str, name: str, path: str, args: str) -> None:
        file = self.files.setdefault(path, File())
        if name in {"fsync", "fdatasync"}:
            self._open[pid] = (name, path, len(file.pending))
            if "unfinished" not in args:
                self._end(pid)
        elif name == "ftruncate":
            file.pending.append(Write(int(args.split(",")[1].split(")")[0].split("<")[0]), None))
        else:
            written = _WRITE.match(args)
            assert written is not None
            assert written["offset"] is not None, f"{path} is written without an offset"
            file.pending.append(Write(int(written["offset"]), _written(args)))

    def _end(self, pid: str) -> None:
        call = self._open.pop(pid, None)
        if call is not None:
            _, path, upto = call
            self.files[path].synced(upto)

    def cut_to(self, folder: Path, survives: Callable[[], bool]) -> None:
        """Write the files as a power cut leaves them now into another folder."""
        folder.mkdir()
        for path, file in self.files.items():
            if not path.endswith("-shm"):
                (folder / Path(path).name).write_bytes(file.cut(survives))


def _unescaped(text: str) -> bytes:
    """Return the bytes that strace -xx prints as \\x00."""
    return bytes.fromhex(text.replace("\\x", ""))


def _written(args: str) -> bytes:
    """Return the data of a write."""
    written = _WRITE.match(args)
    assert written is not None
    return _unescaped(written["data"])
