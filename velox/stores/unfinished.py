"""Image files that processes did not finish: which nobody will finish any more."""

from __future__ import annotations

from collections.abc import Callable

# `.NAME.WRITER.part`, of the image NAME.
TEMPORARY = ".part"
STALE_TEMPORARY_S = 60.0
_MOST = 50_000


class Unfinished:
    """Knows since when each unfinished file is there, by looks at the folder.

    By this process's own watch: clocks of other machines that write there may be hours away.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._before: dict[tuple[str, float], float] = {}
        self._found: dict[tuple[str, float], float] = {}

    def look_begins(self) -> None:
        """What the last look found is what was there before."""
        self._before, self._found = self._found, {}

    def is_stale(self, path: str, written: float) -> bool:
        """Whether a file that a look has met is unfinished, and has not changed for long.

        Args:
            path: the file.
            written: when it was last written, by whatever clock.
        """
        if not path.endswith(TEMPORARY):
            return False
        now = self._clock()
        since = self._before.get((path, written), now)
        if len(self._found) < _MOST:
            self._found[path, written] = since
        return now - since > STALE_TEMPORARY_S


def image_of(name: str) -> str:
    """The name of an image, also that of one that somebody began to write, or writes."""
    if name.endswith(TEMPORARY):
        return name.removeprefix(".").removesuffix(TEMPORARY).rpartition(".")[0]
    return name
