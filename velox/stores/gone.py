"""Image files that were removed: remembered until no document names them, whatever happens.

Before an image is removed, an empty file of a name made of its own is put beside it: the marker.
It is removed once the document says that it has no file. A process that is killed in between leaves
the marker, and whoever lists the folder next finds it. So no order of deaths leaves a document that
names what is gone; and no two processes take each other's marker.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from velox.stores.image_names import id_of, is_ours

MARKER = ".gone"
# In one write of the store.
AT_ONCE = 1000
# Markers that are held in memory; those beyond are found by the next listing.
MOST_HELD = 50_000

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
        # Marker and image, the oldest first.
        self._held: dict[str, str] = {}

    def remove(self, name: str) -> None:
        """Remove an image and remember that.

        Raises:
            OSError: when it cannot be removed.
        """
        marker = f".{name}.{self._writer}{MARKER}"
        # Without a marker, on a full disk for instance, only the death of this process matters.
        with suppress(OSError):
            os.close(os.open(self._prefix + marker, os.O_CREAT | os.O_WRONLY, 0o644))
        try:
            os.unlink(self._prefix + name)
        except FileNotFoundError:
            pass
        except OSError:
            self._forget(marker)
            raise
        self._hold(marker, name)

    def see(self, path: str) -> bool:
        """Remember what a marker says that a listing has met; whether it is one."""
        marker = os.path.basename(path)
        if not marker.endswith(MARKER):
            return False
        name = marker.removeprefix(".").removesuffix(MARKER).rpartition(".")[0]
        if is_ours(name):
            self._hold(marker, name)
        return True

    def settle(self, clear: Clear) -> None:
        """Let the documents of what was removed say so; then forget it.

        Args:
            clear: tells the store of which ids; what it raises is raised, and nothing is forgotten.
        """
        with self._turn:
            held, self._held = list(self._held.items()), {}
        try:
            while held:
                self._settle(held[:AT_ONCE], clear)
                del held[:AT_ONCE]
        finally:
            for marker, name in held:
                self._hold(marker, name)

    def _settle(self, held: Sequence[tuple[str, str]], clear: Clear) -> None:
        # A record that came again has its image again.
        there = {name for _, name in held if os.path.lexists(self._prefix + name)}
        ids = {id_of(name, self._topic) for _, name in held if name not in there}
        if ids:
            clear(sorted(ids))
        for marker, name in held:
            # Another process that has not removed the image yet needs its own.
            if name not in there or marker.endswith(f".{self._writer}{MARKER}"):
                self._forget(marker)

    def _hold(self, marker: str, name: str) -> None:
        with self._turn:
            if len(self._held) < MOST_HELD:
                self._held[marker] = name

    def _forget(self, marker: str) -> None:
        with self._turn, suppress(OSError):
            # The image may have come and gone once more meanwhile.
            if marker not in self._held:
                os.unlink(self._prefix + marker)
