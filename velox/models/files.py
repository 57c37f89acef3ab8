"""The files of a model: when there is reason to read them, and which failure may pass."""

from __future__ import annotations

import os
from pathlib import Path

from velox.base.errors import CANNOT_BE_READ, EngineOutOfMemory

Signature = tuple[int, int, int, int]
Signatures = tuple[Signature | None, ...]

# Looks between two tries at most, and tries after an error of no known kind.
LONGEST_WAIT = 16
MOST_TRIES = 3


def signatures(paths: tuple[Path, ...]) -> Signatures:
    """What differs once a file is written or replaced; None for a file that is not there."""
    return tuple(map(_signature, paths))


def _signature(path: Path) -> Signature | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def may_pass(error: BaseException) -> bool:
    """Whether the same files may be usable a moment later: a volume or memory was short of breath.

    Args:
        error: why they could not be used.
    """
    passing = isinstance(error, OSError | MemoryError | EngineOutOfMemory)
    return passing or CANNOT_BE_READ in str(error)


class ModelFiles:
    """Tells, look by look, whether the files are to be tried.

    They are tried once they change; after an error that may pass, again and again at longer and
    longer intervals; after an error of no known kind, a few times; what is simply bad, not again.

    Args:
        paths: the files; nothing is tried while one is missing.
    """

    def __init__(self, *paths: Path) -> None:
        self._paths = paths
        self._seen: Signatures = ()
        self._failures = 0
        self._wait: int | None = None

    def due(self) -> bool:
        """Whether to try them at this look."""
        found = signatures(self._paths)
        if None in found:
            return False
        if found != self._seen:
            self._seen, self._failures, self._wait = found, 0, None
            return True
        if self._wait is None:
            return False
        self._wait -= 1
        return self._wait <= 0

    def reading(self) -> None:
        """What lies there now is about to be read by the caller: there is no need to try it."""
        self._seen, self._failures, self._wait = signatures(self._paths), 0, None

    def used(self) -> None:
        """What there is was taken."""
        self._wait = None

    def failed(self, error: Exception, *, bad: bool) -> tuple[bool, int | None]:
        """What there is could not be taken.

        Args:
            error: why.
            bad: the error speaks of the files' content.

        Returns:
            Whether it is the first failure of these files, and in how many looks they are tried
            again; None for not before one of them changes.
        """
        self._failures += 1
        given_up = self._failures >= MOST_TRIES
        if may_pass(error) or not (bad or given_up):
            self._wait = min(2 ** (self._failures - 1), LONGEST_WAIT)
        else:
            self._wait = None
        return self._failures == 1, self._wait
