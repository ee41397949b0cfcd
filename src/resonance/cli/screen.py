"""The terminal of `resonance chat`: what comes in is printed above the line that is being typed.

Lines are read in a thread, because reading a terminal blocks and readline has no other way; everything else happens on
the event loop.
"""

from __future__ import annotations

import asyncio
import readline
import sys
import termios
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

CLEAR_LINE = "\r\x1b[K"


class Screen:
    """Lines in and lines out. Without a terminal on both sides it prints plain lines and shows no prompt.

    Attributes:
        interactive: whether there is a terminal.
        prompt: what stands before the line that is being typed.
    """

    def __init__(self) -> None:
        self.interactive = sys.stdin.isatty() and sys.stdout.isatty()
        self.prompt = "> "
        self._console = Console(highlight=False, soft_wrap=True)
        self._loop = asyncio.get_running_loop()
        # Lines that were typed; None at the end of input.
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        # Whether lines are being read: only then there is a prompt.
        self._reading = False

    @contextmanager
    def open(self) -> Iterator[None]:
        """Read lines; at the end the terminal is as it was, also when a line was half typed."""
        saved = termios.tcgetattr(sys.stdin) if self.interactive else None
        self._reading = self.interactive
        threading.Thread(target=self._read, daemon=True).start()
        try:
            yield
        finally:
            self._reading = False
            if saved is not None:
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, saved)
                sys.stdout.write(CLEAR_LINE)  # the shell's prompt begins a line of its own
                sys.stdout.flush()

    async def lines(self) -> AsyncIterator[str]:
        """Yield what is typed, line by line, until the end of input."""
        while (line := await self._lines.get()) is not None:
            yield line

    def show(self, text: str, style: str = "") -> None:
        """Print a line; control characters of what others wrote are left out."""
        clean = "".join(char for char in text if char.isprintable() or char == "\n")
        if self._reading:
            sys.stdout.write(CLEAR_LINE)
        self._console.print(Text(clean, style=style))
        self.refresh()

    def refresh(self) -> None:
        """Draw the prompt and the line that is being typed again."""
        if self._reading:
            sys.stdout.write(f"{CLEAR_LINE}{self.prompt}{readline.get_line_buffer()}")
            sys.stdout.flush()

    @property
    def typed(self) -> str:
        """The line as far as it is typed."""
        return readline.get_line_buffer() if self.interactive else ""

    def _read(self) -> None:
        try:
            while True:
                line = input(self.prompt) if self.interactive else input()
                self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
        except (EOFError, RuntimeError, ValueError):
            # The end of input; or the loop or the file was closed, and nobody waits any more.
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._lines.put_nowait, None)
