"""One look at a large folder, in a thread of its own that leaves the others room."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

# About half of a core at most: so many entries take about as long as the pause.
_ENTRIES_BETWEEN_PAUSES, _PAUSE_S = 200, 0.001


class FolderListing:
    """Counts the regular files of a folder that are wanted, and remembers the oldest of them.

    Args:
        folder: what is listed.
        wanted: whether a name counts.
        see_other: told the path of each other regular file and when it was last written, in
            seconds since the epoch.
        most: names to remember; twice as many are held while it goes on.

    Attributes:
        count: files found.
        oldest: names of the oldest, oldest first; all there are if `count` is no larger.
        seconds: how long it took.
        error: why it failed, if it did.
    """

    def __init__(
        self,
        folder: Path,
        *,
        wanted: Callable[[str], bool],
        see_other: Callable[[str, float], None],
        most: int,
    ) -> None:
        self._folder = folder
        self._wanted = wanted
        self._see_other = see_other
        self._most = most
        self._stop = threading.Event()
        self._found: list[tuple[int, str]] = []
        self.count = 0
        self.seconds = 0.0
        self.error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="listing", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    @property
    def oldest(self) -> list[str]:
        """See the class."""
        return [name for _, name in self._found]

    def wait(self, limit: float) -> bool:
        """Wait at most so many seconds; whether it has ended."""
        self._thread.join(limit)
        return self.done

    def cancel(self) -> None:
        """Give up."""
        self._stop.set()

    def _run(self) -> None:
        started = time.monotonic()
        try:
            with os.scandir(self._folder) as entries:
                for number, entry in enumerate(entries, 1):
                    self._see(entry)
                    if number % _ENTRIES_BETWEEN_PAUSES == 0 and self._stop.wait(_PAUSE_S):
                        return
        except OSError as error:
            self.error = error
        self._forget_newest()
        self.seconds = time.monotonic() - started

    def _see(self, entry: os.DirEntry[str]) -> None:
        if (written_ns := _written_ns(entry)) is None:
            return
        if not self._wanted(entry.name):
            self._see_other(entry.path, written_ns / 1e9)
            return
        self.count += 1
        self._found.append((written_ns, entry.name))
        if len(self._found) >= 2 * self._most:
            self._forget_newest()

    def _forget_newest(self) -> None:
        self._found.sort()
        del self._found[self._most :]


def _written_ns(entry: os.DirEntry[str]) -> int | None:
    """When a regular file was last written, None for anything else or if it is gone by now."""
    try:
        if not entry.is_file(follow_symlinks=False):
            return None
        return entry.stat(follow_symlinks=False).st_mtime_ns
    except OSError:
        return None
