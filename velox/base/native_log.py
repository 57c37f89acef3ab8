"""What C libraries print on file descriptor 2: a small process of its own reads it.

A library that finds the heap in ruins, or an assertion false, says so there and ends the process at
once. A thread of that process could not pass the words on any more; another process can.

The reader knows what image libraries say of odd images: such lines are events of level DEBUG, for
whoever may write to the topic can cause any number of them. All else is a warning.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable

# A line that begins so is no library's: it tells the reader the level of the log.
LEVEL = b"\0level "
LONGEST_LINE = 4096
# Of each level, in so many seconds.
MOST_EVENTS = 30
WINDOW_S = 60.0

# libjpeg's warnings (jerror.h), libpng's, and OpenCV's own log.
_OF_ODD_IMAGES = re.compile(
    r"Corrupt JPEG data|Premature end of JPEG file|Inconsistent progression sequence"
    r"|Unknown Adobe color transform|Warning: unknown JFIF revision|Invalid SOS parameters"
    r"|Application transferred too many scanlines|libjpeg: |libpng (warning|error): "
    r"|\[ ?(WARN|ERROR|INFO): ?\d+@"
)


def start(read_end: int, log: int) -> subprocess.Popen[bytes]:
    """Start the reader, which ends when nobody can write to the pipe any more.

    Args:
        read_end: of the pipe.
        log: file descriptor that the events go to.

    Raises:
        OSError: when no process can be started.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__],
        stdin=read_end,
        stdout=subprocess.DEVNULL,
        stderr=log,
        start_new_session=True,
    )


class Reader:
    """Makes events of lines.

    Args:
        write: takes an event of one line, without its end.
        clock: monotonic seconds.
    """

    def __init__(
        self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._debug = False
        self._since = clock()
        self._events: Counter[str] = Counter()

    def take(self, line: bytes) -> None:
        """Pass a line on, or not."""
        if line.startswith(LEVEL):
            self._debug = line.removeprefix(LEVEL).strip() == b"DEBUG"
            return
        text = line.decode(errors="backslashreplace").strip()
        if not text:
            return
        level = "DEBUG" if _OF_ODD_IMAGES.match(text) else "WARNING"
        if (self._debug or level == "WARNING") and self._has_room(level):
            self._event(level, f"library printed text={text!r}")

    def _has_room(self, level: str) -> bool:
        """Whether another event fits: a library may repeat itself without end."""
        now = self._clock()
        if now - self._since >= WINDOW_S:
            self._since = now
            self._events.clear()
        self._events[level] += 1
        if self._events[level] == MOST_EVENTS + 1:
            self._event(level, f"the library prints more, which is hidden for {WINDOW_S:g} s")
        return self._events[level] <= MOST_EVENTS

    def _event(self, level: str, text: str) -> None:
        seconds = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        self._write(f"{stamp}.{int(seconds % 1 * 1000):03d}Z {level} {text}")


def main() -> None:
    """Read standard input to its end."""
    # It ends when the process ends that it reads for, not before.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    reader = Reader(lambda event: _write_all(f"{event}\n".encode()))
    while line := sys.stdin.buffer.readline(LONGEST_LINE):
        reader.take(line)


def _write_all(data: bytes) -> None:
    while data:
        data = data[os.write(2, data) :]


if __name__ == "__main__":
    main()
