"""Removing what is too old: image files by their names, then documents, whoever wrote them.

Each process that stores sweeps, and none needs to know of the others: what one has removed the
others do not find. Files go first: one that is left behind is found by its own name, not by its
document. A record that comes again after it was swept is swept again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from velox.stores.image_names import captured_ms, is_ours
from velox.stores.removal import HOLDINGS, Holding, Removal
from velox.stores.unfinished import image_of

# Documents in one step, during which others may have to wait with theirs.
STEP = 200
# Of the time, at most so much goes into steps.
SHARE = 1 / 4
_ENTRIES_IN_A_STEP = 500

# Waits so many seconds; false when told to stop.
Pause = Callable[[float], bool]
# Told of a collection, or of "files", and how many were removed there.
Tell = Callable[[str, int], None]
FILES = "files"


def sweep(removal: Removal, folder: Path, before_ms: int, *, pause: Pause, tell: Tell) -> bool:
    """Remove all that is older than a moment, in small steps with pauses between them.

    A file that cannot be removed keeps no other from being removed, nor a document.

    Args:
        removal: of the documents.
        folder: of the images, STORAGE_PATH.
        before_ms: the moment, in milliseconds since the epoch. A document counts by its timestamp,
            a file by that of its record; where the record has none, by when it was written.
        pause: between two steps.
        tell: of each step that removed anything.

    Returns:
        Whether it came to its end: then nothing was left that is too old.

    Raises:
        OSError: when the folder cannot be read, or a file cannot be removed.
        VeloxError: see Removal.
    """
    trouble: OSError | None = None
    try:
        ended = _files(folder, before_ms, pause, tell)
    except OSError as error:
        trouble, ended = error, True
    ended = ended and all(
        _documents(removal, holding, before_ms, pause, tell) for holding in HOLDINGS
    )
    if trouble is not None:
        raise trouble
    return ended


def _documents(
    removal: Removal, holding: Holding, before_ms: int, pause: Pause, tell: Tell
) -> bool:
    while True:
        started = time.monotonic()
        step = removal.remove_before(holding, before_ms, STEP)
        if step.removed:
            tell(holding.collection, step.removed)
        if step.found < STEP:
            return True
        if not pause(_rest(started)):
            return False


def _files(folder: Path, before_ms: int, pause: Pause, tell: Tell) -> bool:
    started, trouble = time.monotonic(), None
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries, 1):
            if _is_older(entry, before_ms):
                try:
                    os.unlink(entry.path)
                    tell(FILES, 1)
                except FileNotFoundError:
                    pass
                except OSError as error:
                    trouble = error
            if number % _ENTRIES_IN_A_STEP == 0:
                if not pause(_rest(started)):
                    return False
                started = time.monotonic()
    if trouble is not None:
        raise trouble
    return True


def _is_older(entry: os.DirEntry[str], before_ms: int) -> bool:
    name = image_of(entry.name)
    if not is_ours(name):
        return False
    captured = captured_ms(name)
    try:
        if captured is None:
            captured = int(1000 * entry.stat(follow_symlinks=False).st_mtime)
        return captured < before_ms and entry.is_file(follow_symlinks=False)
    except FileNotFoundError:
        return False


def _rest(started: float) -> float:
    return (time.monotonic() - started) * (1 / SHARE - 1)
