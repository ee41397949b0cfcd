"""Driver processes: started apart from the server and the command, told by a pipe when to go and when to stop."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

import uvloop

from resonance.cli.benchmark.group import Group
from resonance.cli.benchmark.hold import Hold
from resonance.cli.benchmark.jobs import GroupJob, HoldJob, Job, Outcome, PairsJob
from resonance.cli.benchmark.pairs import Pairs

PATIENCE = 300.0
"""Seconds after which a driver that says nothing counts as hung."""


class DriverError(RuntimeError):
    """A driver ended without a result; the text says why."""


class Drivers:
    """Several driver processes that work at the same time."""

    def __init__(self, processes: Sequence[SpawnProcess], pipes: Sequence[Connection]) -> None:
        self._processes = processes
        self._pipes = pipes

    def connected(self) -> None:
        """Wait until all are connected. Raises DriverError."""
        self._expect()

    def go(self) -> None:
        """Let them begin."""
        for pipe in self._pipes:
            pipe.send("go")

    def outcomes(self) -> list[Outcome]:
        """Wait for all results; the connections stay open. Raises DriverError."""
        return [outcome for outcome in self._expect() if outcome is not None]

    def close(self) -> None:
        """Let them close their connections and end."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(10)
            if process.is_alive():
                process.kill()
                process.join()

    def _expect(self) -> list[Outcome | None]:
        answers: list[Outcome | None] = []
        for pipe in self._pipes:
            if not pipe.poll(PATIENCE):
                raise DriverError(f"a driver said nothing for {PATIENCE:.0f} s")
            try:
                answer = pipe.recv()
            except EOFError as exc:
                raise DriverError("a driver ended unexpectedly") from exc
            if isinstance(answer, str):
                raise DriverError(answer)
            answers.append(answer)
        return answers


@contextmanager
def driving(jobs: Sequence[Job]) -> Iterator[Drivers]:
    """Start one process per job; at the end they are gone."""
    context = multiprocessing.get_context("spawn")
    processes: list[SpawnProcess] = []
    pipes: list[Connection] = []
    for job in jobs:
        ours, theirs = context.Pipe()
        process = context.Process(target=_main, args=(job, theirs), daemon=True)
        process.start()
        theirs.close()
        processes.append(process)
        pipes.append(ours)
    drivers = Drivers(processes, pipes)
    try:
        yield drivers
    finally:
        drivers.close()


def _main(job: Job, pipe: Connection) -> None:
    """The process: connect, wait for the word, run, report, hold until the pipe is closed."""
    try:
        uvloop.run(_serve(job, pipe))
    except (EOFError, KeyboardInterrupt, BrokenPipeError):
        return
    except Exception as exc:  # told to the command, which ends with it
        pipe.send(f"a driver failed: {exc!r}")


async def _serve(job: Job, pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    runner = _runner(job)
    await runner.connect()
    pipe.send(None)
    await loop.run_in_executor(None, pipe.recv)
    pipe.send(await runner.run())
    try:
        await loop.run_in_executor(None, pipe.recv)
    finally:
        runner.close()


def _runner(job: Job) -> Pairs | Group | Hold:
    match job:
        case PairsJob():
            return Pairs(job)
        case GroupJob():
            return Group(job)
        case HoldJob():
            return Hold(job)
