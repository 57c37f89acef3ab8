"""A folder and all folders below it: every file once, in the order of names."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator

from velox.base.names import shown
from velox.producer.sources.capture import LeftOut, Unreadable
from velox.producer.sources.image_file import is_hidden

# Device and inode.
Identity = tuple[int, int]


def files_below(
    root: str,
    name_of: Callable[[str], str],
    stop: threading.Event,
    *,
    outside: frozenset[Identity] = frozenset(),
) -> Iterator[str | Unreadable | LeftOut]:
    """The path of every file; in its place what is hidden and what cannot be listed.

    Symbolic links are followed, but not into a folder that the link lies in.

    Args:
        root: the folder; one that is a file is the only one.
        name_of: what a path is called.
        stop: ends it.
        outside: folders that do not belong to it.
    """
    if not os.path.isdir(root):
        yield root
        return
    waiting: list[tuple[str, frozenset[Identity]]] = [(root, outside)]
    while waiting:
        folder, above = waiting.pop()
        try:
            here = identity(folder)
            with os.scandir(folder) as found:
                entries = sorted((each.name, _is_folder(each)) for each in found)
        except OSError as error:
            yield Unreadable(shown(name_of(folder)), reason_of(error))
            continue
        if here in above:
            continue
        below = []
        for name, is_folder in entries:
            if stop.is_set():
                return
            path = os.path.join(folder, name)
            if is_hidden(name):
                yield LeftOut(shown(name_of(path)), "hidden")
            elif is_folder:
                below.append((path, above | {here}))
            else:
                yield path
        waiting.extend(reversed(below))


def identity(folder: str) -> Identity:
    """What tells a folder from all others.

    Raises:
        OSError: when it is not there.
    """
    found = os.stat(folder)
    return found.st_dev, found.st_ino


def reason_of(error: OSError) -> str:
    """An error in words."""
    return error.strerror or type(error).__name__


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
