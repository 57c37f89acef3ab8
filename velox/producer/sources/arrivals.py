"""Files that arrive in a folder: which are complete.

A file is complete when its size and time have stayed the same for a second of this machine's clock.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

from velox.base.names import shown
from velox.producer.sources.capture import Unreadable
from velox.producer.sources.journal import Version
from velox.producer.sources.tree import Identity, files_below, identity

SETTLED_S = 1.0
# Of one look; the others are complete at the next one too.
MOST_COMPLETE = 10_000
# How browsers and other programs call what they have not finished.
UNFINISHED = re.compile(
    r".+(\.(part|partial|filepart|tmp|temp|crdownload|download|swp)|~)", re.IGNORECASE | re.DOTALL
)

# Told name, path and version of a file: whether it is still to be dealt with.
OpenQuestion = Callable[[str, str, Version], bool]


class Arrival(NamedTuple):
    """A file that has arrived.

    Attributes:
        name: as it is shown.
        path: where it is.
        version: what of it is there.
        seconds: for which that has stayed the same.
    """

    name: str
    path: str
    version: Version
    seconds: float


class _Seen(NamedTuple):
    """A version of a file, and since when it is known."""

    path: str
    version: Version
    since: float


class Arrivals:
    """Looks at a folder; remembers what it saw in the look before.

    Args:
        root: the folder.
        name_of: what a path is called.
        clock: monotonic seconds.
    """

    def __init__(
        self, root: str, name_of: Callable[[str], str], clock: Callable[[], float]
    ) -> None:
        self._root = root
        self._name_of = name_of
        self._clock = clock
        self._outside: frozenset[Identity] = frozenset()
        self._seen: dict[str, _Seen] = {}
        self._given_up: dict[str, Version] = {}
        self._unlisted: set[str] = set()
        self._now = 0.0

    def leave_out(self, folder: str) -> None:
        """A folder that does not belong to the one that is looked at, though it may lie in it."""
        self._outside = frozenset([identity(folder)])

    def look(self, open_question: OpenQuestion, stop: threading.Event) -> Iterator[Unreadable]:
        """Look once, as far as `stop` allows; gives folders that cannot be listed, each once."""
        self._now = self._clock()
        seen: dict[str, _Seen] = {}
        given_up: dict[str, Version] = {}
        unlisted: set[str] = set()
        for found in files_below(self._root, self._name_of, stop, outside=self._outside):
            if isinstance(found, str):
                name, version = shown(self._name_of(found)), version_of(found)
                if version is None or UNFINISHED.fullmatch(name):
                    continue
                if self._given_up.get(name) == version:
                    given_up[name] = version
                elif open_question(name, found, version):
                    before = self._seen.get(name)
                    same = before is not None and before.version == version
                    seen[name] = before if same and before else _Seen(found, version, self._now)
            elif isinstance(found, Unreadable):
                unlisted.add(found.name)
                if found.name not in self._unlisted:
                    yield found
        if not stop.is_set():
            self._seen, self._given_up, self._unlisted = seen, given_up, unlisted

    def complete(self) -> list[Arrival]:
        """What of the last look is complete, the oldest first."""
        found = [
            Arrival(name, each.path, each.version, self._now - each.since)
            for name, each in self._seen.items()
            if self._now - each.since >= SETTLED_S
        ]
        found.sort(key=lambda each: (each.version.mtime_ns, each.name))
        return found[:MOST_COMPLETE]

    def give_up(self, arrival: Arrival) -> None:
        """Say no more of a file until it changes."""
        self._given_up[arrival.name] = arrival.version
        self._seen.pop(arrival.name, None)


def version_of(path: str) -> Version | None:
    """The version of a file as it is; None where there is none, or no regular file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return Version(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None
