"""How far training is: a bar on a terminal, now and then a plain line elsewhere."""

from __future__ import annotations

from typing import TextIO

from velox.base.terminal import Display

WIDTH = 30


class Progress:
    """Shows one thing after the other growing to its end.

    Args:
        stream: where to show it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._display = Display(stream)
        self._terminal = stream.isatty()

    def show(self, what: str, done: int, total: int) -> None:
        """Show that so much of a total is done; at the end the line is kept."""
        share = done / total
        bar = f"[{'#' * int(WIDTH * share):<{WIDTH}}] " if self._terminal else ""
        self._display.live(f"{what:<14} {bar}{done}/{total}")
        if done == total:
            self._display.end_live()

    def end(self) -> None:
        """Keep the line as it stands."""
        self._display.end_live()
