"""Lines that stay, one that lives, and a bar that grows, on a terminal or in a file."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from typing import TextIO

EVERY_S = 5.0
BAR_WIDTH = 30
_CLEAR_LINE = "\r\x1b[K"


class Display:
    """Prints from several threads. The live line is redrawn on a terminal.

    Where the stream is no terminal, the live line is printed as a line of its own every few
    seconds.

    Args:
        stream: where to print.
        clock: monotonic seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._clock = clock
        self._live = ""
        self._due = clock()
        self._lock = threading.Lock()

    def line(self, text: str) -> None:
        """Print a line that stays."""
        with self._lock:
            clear = _CLEAR_LINE if self._live else ""
            self._stream.write(f"{clear}{text}\n{self._live}")
            self._stream.flush()

    def live(self, text: str) -> None:
        """Show a text in place of the last one."""
        with self._lock:
            if self._terminal:
                self._live = text[: shutil.get_terminal_size().columns - 1]
                self._stream.write(f"{_CLEAR_LINE}{self._live}")
            elif self._clock() >= self._due:
                self._due = self._clock() + EVERY_S
                self._stream.write(f"{text}\n")
            self._stream.flush()

    def end_live(self) -> None:
        """Keep the live line as it stands."""
        with self._lock:
            if self._live:
                self._stream.write("\n")
                self._stream.flush()
            self._live = ""


class Progress:
    """Shows one thing after the other growing to its end.

    Args:
        stream: where to show it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._display = Display(stream)
        self._terminal = stream.isatty()

    def show(self, what: str, done: int, total: int, note: str = "") -> None:
        """Show that so much of a total is done, and a note; at the end the line is kept."""
        share = done / total
        bar = f"[{'#' * int(BAR_WIDTH * share):<{BAR_WIDTH}}] " if self._terminal else ""
        self._display.live(f"{what:<14} {bar}{done}/{total}{note and ', '}{note}")
        if done == total:
            self._display.end_live()

    def end(self) -> None:
        """Keep the line as it stands."""
        self._display.end_live()
