"""A folder as a source: every image in it and below it, the bytes as they are."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator

from velox.base.names import label_named, shown
from velox.producer.sources.capture import Item, LeftOut, Unreadable
from velox.producer.sources.image_file import BEGIN_BYTES, item_of, too_large
from velox.producer.sources.tree import files_below, reason_of


class Folder:
    """Reads a folder in the order of names, or one single file.

    Hidden files are left out, and so are files that are images neither by name nor by content.

    Args:
        source_id: begins the name of every image; below it comes the path in the folder.
        root: the folder, or one image file.
        max_bytes: above which a file is refused, unread.
    """

    live = False

    def __init__(self, source_id: str, root: str, *, max_bytes: int) -> None:
        self.id = source_id
        self._root = root
        self._inside = os.path.join(root, "")
        self._max_bytes = max_bytes
        self._seen = 0
        self._total = 0

    @property
    def done(self) -> float | None:
        """The share of the files; None until they are counted."""
        return self._seen / self._total if self._total else None

    def items(self, stop: threading.Event) -> Iterator[Item]:
        """Every image, and all else that lies there, with the reason why it is not sent."""
        self._seen = 0
        self._total = sum(1 for _ in files_below(self._root, self.name_of, stop))
        for found in files_below(self._root, self.name_of, stop):
            self._seen += 1
            yield self.read(found) if isinstance(found, str) else found

    def read(self, path: str) -> Item:
        """What a file is; large ones are not read."""
        name = self.name_of(path)
        try:
            found = os.stat(path)
            if not stat.S_ISREG(found.st_mode):
                return LeftOut(shown(name), "not a regular file")
            with open(path, "rb") as file:
                if found.st_size > self._max_bytes:
                    return too_large(name, found.st_size, self._max_bytes, file.read(BEGIN_BYTES))
                # To ask for as much as may be would reserve that for each file.
                data = file.read(found.st_size + 1)
                if len(data) > found.st_size:
                    data += file.read(self._max_bytes + 1 - len(data))
        except OSError as error:
            return Unreadable(shown(name), reason_of(error))
        if len(data) > self._max_bytes:
            return too_large(name, len(data), self._max_bytes, data)
        folder, _, rest = self._below(path).partition(os.sep)
        return item_of(name, data, label_named(folder) if rest else None)

    def name_of(self, path: str) -> str:
        """The name of a file or folder: that of the source, then the path in it."""
        return os.path.normpath(os.path.join(self.id, self._below(path)))

    def _below(self, path: str) -> str:
        """The path in the folder, without the questions to the system of `os.path.relpath`."""
        if path.startswith(self._inside):
            return path[len(self._inside) :]
        return os.path.relpath(path, self._root)
