"""How fast the machine is at this moment: two small jobs that no change of ours can alter.

Shared machines change their speed by a factor of two from minute to minute. A run is worth comparing with another one
when both say what the same two jobs cost, taken while the other core is busy too, as it is in every scenario.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 5
ADDITIONS = 1_000
WRITES = 2_000
FRAME = bytes(200)

_SPIN = "while True: sum(range(1000))"


@dataclass(frozen=True, slots=True)
class Control:
    """CPU µs of a thousand squarings and additions in Python, and of a 200-byte write to a socket."""

    python_us: float
    write_us: float

    def __str__(self) -> str:
        return (
            f"a thousand additions in Python cost {self.python_us:.0f} µs, a write to a socket {self.write_us:.1f} µs"
        )


def take() -> Control:
    """Measure, beside one busy process."""
    busy = subprocess.Popen([sys.executable, "-c", _SPIN])  # noqa: S603 (our own interpreter, a constant)
    try:
        return Control(_best(_additions, 200), _best(_writes, WRITES))
    finally:
        busy.kill()
        busy.wait()


def _best(job: Callable[[], None], units: int) -> float:
    """Return the CPU µs per unit of the quickest of a few rounds."""
    job()
    costs = []
    for _ in range(ROUNDS):
        begun = time.thread_time()
        job()
        costs.append(time.thread_time() - begun)
    return min(costs) / units * 1e6


def _additions() -> None:
    for _ in range(200):
        sum(i * i for i in range(ADDITIONS))


def _writes() -> None:
    """Write through the loopback interface, and read nothing before the end: only the writes are of interest."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as ours:
        theirs, _ = listener.accept()
        with theirs:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * WRITES * len(FRAME))
            file = ours.fileno()
            for _ in range(WRITES):
                os.write(file, FRAME)
