"""Image files that were removed: remembered until no document names them, whatever happens.

Before an image is removed, its name is written on a page, a file beside the images. A page goes
once the documents of all its names say that they have no file. A process that is killed in between
leaves its page, and whoever lists the folder next finds it. So no order of deaths leaves a document
that names what is gone.

Who writes a page holds its lock, which the kernel lets go when the process ends (flock(2)): what
another process still writes is left to it. Many names are on one page because to make a file is
the dearest step of all: up to a millisecond on ext4 without a journal, which looks past every file
that was removed lately (recently_deleted in fs/ext4/ialloc.c).
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import accumulate, count, islice
from pathlib import Path

from velox.stores.image_names import id_of, is_ours
from velox.stores.unfinished import TEMPORARY

PAGE = ".gone"
# In one write of the store.
AT_ONCE = 1000
# Pages that wait, and names that could be written on none; beyond, only the next listing or nobody
# knows of them.
MOST_PAGES, MOST_NAMES = 1000, 50_000

Clear = Callable[[Sequence[str]], None]


class Gone:
    """Removes the images of one folder. Safe to share between threads.

    Args:
        folder: of the images.
        writer: a name that no other process has.
        topic: of the images, for names that had to be clipped.
    """

    def __init__(self, folder: Path, *, writer: str, topic: str) -> None:
        self._prefix = os.path.join(folder, "")
        self._writer = writer
        self._topic = topic
        self._turn = threading.Lock()
        self._numbers = count()
        self._page: tuple[str, int] | None = None
        # Both the oldest first.
        self._waiting: dict[str, None] = {}
        self._unwritten: dict[str, None] = {}

    def remove(self, names: Sequence[str]) -> dict[str, OSError]:
        """Remove images and remember that.

        Returns:
            Of which could not be removed, why.
        """
        failed = {}
        with self._turn:
            self._note(names)
            for name in names:
                try:
                    os.unlink(self._prefix + name)
                except FileNotFoundError:
                    pass
                except OSError as error:
                    failed[name] = error
        return failed

    def see(self, path: str) -> bool:
        """Remember a page that a listing has met; whether it is one."""
        if not path.endswith(PAGE):
            return False
        with self._turn:
            if (self._page is None or path != self._page[0]) and len(self._waiting) < MOST_PAGES:
                self._waiting[path] = None
        return True

    def settle(self, clear: Clear) -> None:
        """Let the documents of what was removed say so; then forget it.

        Args:
            clear: tells the store of which ids; what it raises is raised, and nothing is forgotten.
        """
        # First what waits, so that no further page is begun while the store takes none.
        self._settle_waiting(clear)
        self.close()
        self._settle_waiting(clear)

    def close(self) -> None:
        """Let go of the page that is written; it waits for `settle`, here or in another process."""
        with self._turn:
            if self._page is not None:
                path, descriptor = self._page
                os.close(descriptor)
                self._page = None
                self._waiting[path] = None

    def _note(self, names: Sequence[str]) -> None:
        # A line of its own even where the disk was full in the middle of the one before.
        lines = [os.fsencode(f"\n{name}\n") for name in names]
        written = 0
        try:
            if self._page is None:
                self._page = self._new_page()
            written = os.write(self._page[1], b"".join(lines))
        except OSError:
            # On a full disk for instance: then only the death of this process matters.
            pass
        for name, end in zip(names, accumulate(map(len, lines)), strict=True):
            if end > written and len(self._unwritten) < MOST_NAMES:
                self._unwritten[name] = None

    def _new_page(self) -> tuple[str, int]:
        """A page with its lock, which it has before it has its name."""
        path = f"{self._prefix}.{self._writer}.{next(self._numbers)}"
        how = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND
        descriptor = os.open(path + TEMPORARY, how, 0o644)
        try:
            _lock(descriptor, fcntl.LOCK_EX)
            os.rename(path + TEMPORARY, path + PAGE)
        except OSError:
            os.close(descriptor)
            raise
        return path + PAGE, descriptor

    def _settle_waiting(self, clear: Clear) -> None:
        with self._turn:
            pages, unwritten = list(self._waiting), list(self._unwritten)
        if unwritten:
            self._settle(unwritten, clear)
        for path in pages:
            # Another process has removed it, or it is another user's: that holds up no other page.
            with suppress(OSError):
                self._settle_page(path, clear)
        with self._turn:
            for path in pages:
                self._waiting.pop(path, None)
            for name in unwritten:
                self._unwritten.pop(name, None)

    def _settle_page(self, path: str, clear: Clear) -> None:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as page:
            if not _lock(page.fileno(), fcntl.LOCK_SH):
                return
            # Between the lines are empty ones, and the last may be cut off.
            names = (line[:-1] for line in page if line.endswith("\n") and is_ours(line[:-1]))
            while some := list(islice(names, AT_ONCE)):
                self._settle(some, clear)
        os.unlink(path)

    def _settle(self, names: Sequence[str], clear: Clear) -> None:
        # A record that came again has its image again; one that could not be removed, still.
        gone = (each for each in names if not os.path.lexists(self._prefix + each))
        if ids := sorted({id_of(each, self._topic) for each in gone}):
            clear(ids)


def _lock(descriptor: int, kind: int) -> bool:
    """Lock a page; whether nobody else writes it. A file system without locks tells nothing."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
