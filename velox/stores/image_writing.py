"""Writing image files: each is there whole or not at all and, where asked, survives a power cut.

fsync(2): the data of a file are on disk once the file is synced, its name once its folder is. So
the order is data, sync, name, sync of the folder, and only then may a document name the file, as
LevelDB does before its manifest names a new one (SyncDirIfManifest in util/env_posix.cc). A disk
finishes many syncs in about the time of one, so several files are written at once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from velox.stores.unfinished import TEMPORARY

# They wait for the disk.
THREADS = 8


class ImageWriting:
    """Writes files into one folder. One thread at a time.

    Args:
        folder: of the files.
        writer: a name that no other process has.
        sync: whether what is written survives a power cut.
    """

    def __init__(self, folder: Path, *, writer: str, sync: bool) -> None:
        self._folder = folder
        self._prefix = os.path.join(folder, "")
        self._writer = writer
        self._threads = ThreadPoolExecutor(THREADS, "files") if sync else None

    def make_folder(self) -> None:
        """Make the folder if it is missing, with those above it.

        Raises:
            OSError: when it cannot be made.
        """
        missing = [each for each in (self._folder, *self._folder.parents) if not each.exists()]
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._threads is not None:
            for each in missing:
                _sync(each.parent)

    def write(self, files: Mapping[str, bytes]) -> dict[str, OSError]:
        """Write files by name; those that are there are replaced.

        Returns:
            Of which could not be written, why; what is there under its name is what was before.
        """
        if self._threads is None:
            done = [self._written(*each) for each in files.items()]
        else:
            done = list(self._threads.map(self._written, files.keys(), files.values()))
        failed = {name: why for name, why in zip(files, done, strict=True) if why is not None}
        if self._threads is not None and len(failed) < len(files):
            try:
                _sync(self._folder)
            except OSError as error:
                return dict.fromkeys(files, error)
        return failed

    def close(self) -> None:
        """End the threads."""
        if self._threads is not None:
            self._threads.shutdown(wait=False)

    def _written(self, name: str, data: bytes) -> OSError | None:
        try:
            try:
                self._put(name, data)
            except FileNotFoundError:
                # Somebody removed the folder, or what a process had written that stood still.
                self.make_folder()
                self._put(name, data)
        except OSError as error:
            return error
        return None

    def _put(self, name: str, data: bytes) -> None:
        temporary = f"{self._prefix}.{name}.{self._writer}{TEMPORARY}"
        try:
            # A buffer takes longer than the only write that there is.
            with open(temporary, "wb", buffering=0) as file:
                left = memoryview(data)
                while left:
                    left = left[file.write(left) :]
                if self._threads is not None:
                    os.fsync(file.fileno())
            os.rename(temporary, self._prefix + name)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
