"""What was sent of a folder: a file of lines that outlives the process.

Each line is a JSON object:

    {"begin": {"0": 17}}                                the topic's ends before anything is sent
    {"sent": NAME, "size": N, "mtime_ns": N, "partition": N, "offset": N}
    {"arrived": NAME, "digest": HEX}                    found in the topic after a crash
    {"end": true}                                       nothing is in flight

A line is written once its image is acknowledged. What a crash takes from the end of the file is
found by reading the topic back from the last places.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Mapping, Set
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, NamedTuple

from velox.base.errors import SettingError
from velox.base.files import write_whole

# Acknowledgements of two producers may come in another order than the offsets.
MARGIN = 100
MOST_PLACED = 100_000
# Files that are gone are remembered too, for a folder may be away for a while.
MOST_GONE = 200_000

log = logging.getLogger(__name__)


class Version(NamedTuple):
    """What tells one content of a file from the next."""

    size: int
    mtime_ns: int


class Journal:
    """Remembers which version of which file was sent.

    Args:
        path: of the file.

    Attributes:
        clean: whether the process before ended with nothing in flight.
        places: where to read the topic on from, by partition.
        arrived: digests of what was found in the topic, by name.
    """

    def __init__(self, path: Path) -> None:
        self.clean = True
        self.places: dict[int, int] = {}
        self.arrived: dict[str, set[str]] = {}
        self._path = path
        self._known: dict[bytes, None] = {}
        self._placed: dict[tuple[int, int], None] = {}
        self._unwritten: list[dict[str, Any]] = []
        self._file: IO[bytes] | None = None

    def open(self) -> None:
        """Read it, and hold it until `close`.

        Raises:
            SettingError: when it cannot be written, or another process holds it.
        """
        self._file = self._held()
        self._load(self._file)

    def _held(self) -> IO[bytes]:
        """The file, open, which no other producer may open; raises as `open`."""
        try:
            file = self._path.open("a+b", buffering=0)
        except OSError as error:
            raise SettingError(
                f"cannot remember in {str(self._path)!r} what was sent ({error.strerror}): set "
                "WATCH_STATE to a folder that may be written"
            ) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise SettingError(
                f"another producer holds {str(self._path)!r}: end it, or give this one a folder "
                "of its own as WATCH_STATE"
            ) from None
        except OSError as error:
            log.warning("no lock on %r reason=%r", str(self._path), str(error))
        return file

    def _load(self, file: IO[bytes]) -> None:
        file.seek(0)
        line = b"\n"
        with os.fdopen(os.dup(file.fileno()), "rb") as reader:
            for line in reader:
                try:
                    self._take(json.loads(line))
                except (ValueError, KeyError, TypeError, AttributeError):
                    log.warning("journal %r has a damaged line, passed over", str(self._path))
        if not line.endswith(b"\n"):
            file.write(b"\n")

    def _take(self, line: dict[str, Any]) -> None:
        if "begin" in line:
            self._begin_at({int(number): int(end) for number, end in line["begin"].items()})
        elif "sent" in line:
            self._known[digest_of(line["sent"], Version(line["size"], line["mtime_ns"]))] = None
            self.arrived.pop(line["sent"], None)
            if line["partition"] is not None:
                self._reached(line["partition"], line["offset"])
        elif "arrived" in line:
            self.arrived.setdefault(line["arrived"], set()).add(line["digest"])
        self.clean = "end" in line

    def _begin_at(self, ends: Mapping[int, int]) -> None:
        """What was placed beyond the topic's ends was in one of that name that is gone."""
        self.places = dict(ends)
        self._placed = {each: None for each in self._placed if each[1] < ends.get(each[0], 0)}

    def _reach(self, partition: int, offset: int) -> None:
        self.places[partition] = max(offset, self.places.get(partition, 0))

    def _reached(self, partition: int, offset: int) -> None:
        self._reach(partition, max(0, offset + 1 - MARGIN))
        self._placed[partition, offset] = None
        if len(self._placed) > MOST_PLACED:
            self._placed = dict.fromkeys(list(self._placed)[MOST_PLACED // 2 :])

    def knows(self, name: str, version: Version) -> bool:
        """Whether this was sent."""
        return digest_of(name, version) in self._known

    def found(self, place: tuple[int, int], name: str, digest: str) -> None:
        """Note what is in the topic and no line tells of."""
        if place not in self._placed and digest not in self.arrived.get(name, ()):
            self.arrived.setdefault(name, set()).add(digest)
            self._unwritten.append({"arrived": name, "digest": digest})

    def begin(self, ends: Mapping[int, int]) -> None:
        """Note where the topic ends before anything is sent."""
        self._unwritten.append({"begin": {str(number): end for number, end in ends.items()}})
        self._begin_at(ends)
        self.clean = False

    def add(self, name: str, version: Version, place: tuple[int, int] | None) -> None:
        """Note that this was sent, and where to; written with the next `flush`."""
        self._known[digest_of(name, version)] = None
        partition, offset = place or (None, None)
        line = {"sent": name, **version._asdict(), "partition": partition, "offset": offset}
        self._unwritten.append(line)
        self.arrived.pop(name, None)
        if place is not None:
            self._reached(*place)

    def flush(self) -> bool:
        """Write what was noted, to the disk; False, with a warning, where it cannot be now."""
        if not self._unwritten or self._file is None:
            return True
        text = "".join(f"{json.dumps(line)}\n" for line in self._unwritten)
        try:
            size = os.fstat(self._file.fileno()).st_size
            data = text.encode()
            while data:
                data = data[self._file.write(data) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            log.warning("cannot write %r, goes on reason=%r", str(self._path), error.strerror)
            self._cut_to(size)
            return False
        self._unwritten.clear()
        return True

    def _cut_to(self, size: int) -> None:
        """Take back half a line."""
        if self._file is not None:
            try:
                os.ftruncate(self._file.fileno(), size)
            except OSError:
                return

    @property
    def crowded(self) -> bool:
        """Whether it is time to forget what is gone."""
        return len(self._known) > MOST_GONE

    def forget(self, present: Set[bytes]) -> None:
        """Forget the oldest of what is gone, if that is too much; raises as `open`."""
        gone = [each for each in self._known if each not in present]
        if len(gone) <= MOST_GONE:
            return
        for each in gone[: -MOST_GONE // 2]:
            del self._known[each]
        self._rewrite()

    def _rewrite(self) -> None:
        kept = []
        for text in self._path.read_bytes().splitlines():
            try:
                line = json.loads(text)
                if "sent" not in line or self._has(line):
                    kept.append(text)
            except (ValueError, KeyError, TypeError):
                continue
        try:
            write_whole(self._path, b"".join(each + b"\n" for each in kept))
        except OSError as error:
            # It stays as long as it was; what was forgotten is forgotten again after a restart.
            log.warning("cannot shorten %r, goes on reason=%r", str(self._path), error.strerror)
        if self._file is not None:
            self._file.close()
        self._file = self._held()

    def _has(self, line: dict[str, Any]) -> bool:
        return digest_of(line["sent"], Version(line["size"], line["mtime_ns"])) in self._known

    def close(self, *, clean: bool) -> None:
        """Write the last of it; `clean` if nothing is in flight."""
        if self._file is None:
            return
        if clean:
            self._unwritten.append({"end": True})
        self.flush()
        self._file.close()
        self._file = None


def digest_of(name: str, version: Version) -> bytes:
    """What a file is remembered by: 16 bytes, whatever it is called."""
    return blake2b(f"{version.size} {version.mtime_ns} {name}".encode(), digest_size=16).digest()
