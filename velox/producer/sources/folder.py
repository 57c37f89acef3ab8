"""A folder as a source: every image in it and below it, the bytes as they are."""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import PurePosixPath

from velox.base.names import shown
from velox.producer.sources.capture import Item, Unreadable
from velox.producer.sources.image_file import (
    is_hidden,
    item_of,
    label_of,
    named_like_an_image,
    too_large,
)

log = logging.getLogger(__name__)

Identity = tuple[int, int]


class Folder:
    """Reads a folder in the order of names, or one single file.

    Symbolic links are followed, but not into a folder that the link lies in. Hidden files are
    left out, and so are files that are images neither by name nor by content.

    Args:
        source_id: begins the name of every image; below it comes the path in the folder.
        root: the folder, or one image file.
        max_bytes: above which a file is refused, unread.
    """

    live = False

    def __init__(self, source_id: str, root: str, *, max_bytes: int) -> None:
        self.id = source_id
        self._root = root
        self._max_bytes = max_bytes
        self._seen = 0
        self._total = 0

    @property
    def done(self) -> float | None:
        """The share of the files; None until they are counted."""
        return self._seen / self._total if self._total else None

    def items(self, stop: threading.Event) -> Iterator[Item]:
        """Every image, and what is none but should be one."""
        self._seen = 0
        self._total = sum(1 for _ in self._paths(stop))
        ignored = 0
        for found in self._paths(stop):
            self._seen += 1
            read = found if isinstance(found, Unreadable) else self._read(found)
            if read is None:
                ignored += 1
            else:
                yield read
        if ignored:
            log.info("left out source=%s files=%d reason='not images'", self.id, ignored)

    def _paths(self, stop: threading.Event) -> Iterator[str | Unreadable]:
        """Every file that is not hidden, folder by folder; folders that cannot be listed."""
        if not os.path.isdir(self._root):
            yield self._root
            return
        waiting: list[tuple[str, frozenset[Identity]]] = [(self._root, frozenset())]
        while waiting:
            folder, above = waiting.pop()
            try:
                here = _identity(folder)
                names = sorted(name for name in os.listdir(folder) if not is_hidden(name))
            except OSError as error:
                yield Unreadable(shown(self._name(folder)), _reason(error))
                continue
            if here in above:
                continue
            below = []
            for path in (os.path.join(folder, name) for name in names):
                if stop.is_set():
                    return
                if os.path.isdir(path):
                    below.append((path, above | {here}))
                else:
                    yield path
            waiting.extend(reversed(below))

    def _read(self, path: str) -> Item | None:
        name = self._name(path)
        try:
            found = os.stat(path)
            if not stat.S_ISREG(found.st_mode):
                return None
            if refused := too_large(name, found.st_size, self._max_bytes):
                return refused if named_like_an_image(name) else None
            with open(path, "rb") as file:
                data = file.read(self._max_bytes + 1)
        except OSError as error:
            return Unreadable(shown(name), _reason(error))
        label = label_of(PurePosixPath(os.path.relpath(path, self._root)))
        return too_large(name, len(data), self._max_bytes) or item_of(name, data, label)

    def _name(self, path: str) -> str:
        return os.path.normpath(os.path.join(self.id, os.path.relpath(path, self._root)))


def _identity(folder: str) -> Identity:
    found = os.stat(folder)
    return found.st_dev, found.st_ino


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
