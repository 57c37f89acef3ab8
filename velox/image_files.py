"""The matched images on disk: the bytes that came in, the newest so many of them.

The folder is listed when it is opened and then at most once a second, never for each image. In
between, each process deletes the oldest file it knows of for each one it adds; with several
consumers on one folder the bound is exact after each listing.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from velox.image_header import extension
from velox.records import Record

LIST_EVERY_S = 1.0
TEMPORARY = ".part"
STALE_TEMPORARY_S = 60.0

log = logging.getLogger(__name__)


class ImageFiles:
    """Keeps the newest images of one folder.

    Args:
        folder: made if it is missing.
        keep: how many files stay; 0 writes none.
        clock: monotonic seconds.

    Raises:
        OSError: when the folder cannot be made or listed.
    """

    def __init__(
        self, folder: Path, *, keep: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._prefix = os.path.join(folder, "")
        # Not the process's number: containers that share the folder count from 1 each.
        self._writer = secrets.token_hex(4)
        self._keep = keep
        self._clock = clock
        # Oldest first; a record that comes again moves to the end.
        self._names: OrderedDict[str, None] = OrderedDict()
        folder.mkdir(parents=True, exist_ok=True)
        self._list()

    def write(self, record: Record) -> str | None:
        """Write the record's value under a name made of its id, then forget the oldest file.

        The same record written again replaces its file.

        Returns:
            The path, None if no files are kept.

        Raises:
            OSError: when the file cannot be written; nothing is left of it.
        """
        if self._keep == 0:
            return None
        name = file_name(record)
        path = f"{self._prefix}{name}"
        temporary = f"{self._prefix}.{name}.{self._writer}{TEMPORARY}"
        try:
            with open(temporary, "wb") as file:
                file.write(record.value or b"")
            os.rename(temporary, path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
        self._names[name] = None
        self._names.move_to_end(name)
        if len(self._names) > self._keep:
            self._trim()
        return path

    def _trim(self) -> None:
        if self._clock() >= self._next_listing:
            self._list()
        while len(self._names) > self._keep:
            self._remove(self._names.popitem(last=False)[0])

    def _list(self) -> None:
        """Learn of all files there are, whoever wrote them, oldest first."""
        self._next_listing = self._clock() + LIST_EVERY_S
        found: list[tuple[int, str]] = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if (age := _modified_ns(entry)) is None:
                    continue
                if entry.name.endswith(TEMPORARY):
                    if time.time() - age / 1e9 > STALE_TEMPORARY_S:
                        self._remove(entry.name)
                elif is_ours(entry.name):
                    found.append((age, entry.name))
        self._names = OrderedDict.fromkeys(name for _, name in sorted(found))
        while len(self._names) > self._keep:
            self._remove(self._names.popitem(last=False)[0])

    def _remove(self, name: str) -> None:
        try:
            os.unlink(self._prefix + name)
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("image not removed file=%s reason=%s", name, error.strerror)

    def close(self) -> None:
        """List once more, so that the bound is exact."""
        self._list()


def file_name(record: Record) -> str:
    """`<topic>-<partition>-<offset>-<timestamp ms>` and an extension read from the bytes."""
    return record.id.replace(":", "-") + extension(record.value or b"")


def is_ours(name: str) -> bool:
    """Whether a name has the form that `file_name` gives; other files are never touched."""
    parts = name.rpartition(".")[0].rsplit("-", 3)
    return len(parts) == 4 and all(part.isdecimal() for part in parts[1:])


def _modified_ns(entry: os.DirEntry[str]) -> int | None:
    """When a regular file was last written, None for anything else or if it is gone by now."""
    try:
        if not entry.is_file(follow_symlinks=False):
            return None
        return entry.stat(follow_symlinks=False).st_mtime_ns
    except OSError:
        return None
