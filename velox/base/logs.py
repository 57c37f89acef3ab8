"""Logging: one line an event on standard error, whatever the C libraries print; floods thinned."""

from __future__ import annotations

import faulthandler
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable

from velox.base import native_log
from velox.base.names import on_one_line

FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s"
# Characters; what a server or a model says of a record may be as long as the record.
LONGEST_LINE = 8000
DATE_FORMAT = "%Y-%m-%dT%H:%M:%S"


# Kept, so that nobody waits for it when it is forgotten.
_readers: list[subprocess.Popen[bytes]] = []


class _OneLine(logging.Formatter):
    """Keeps an event on one line: a message may carry text that came with a record."""

    def format(self, record: logging.LogRecord) -> str:
        line = on_one_line(super().format(record))
        if len(line) <= LONGEST_LINE:
            return line
        return f"{line[:LONGEST_LINE]} ... {len(line)} characters"


def setup(level: str) -> None:
    """Send log events of at least this level to standard error, in UTC."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = _OneLine(FORMAT, DATE_FORMAT)
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if _readers:
        os.write(2, native_log.LEVEL + level.encode() + b"\n")
    for chatty in ("pymongo", "urllib3", "matplotlib"):
        logging.getLogger(chatty).setLevel(max(logging.INFO, logging.getLevelName(level)))


def capture_native_stderr() -> None:
    """Let a process of its own make log events of what C libraries write to file descriptor 2.

    libjpeg and OpenCV print a line for every odd image: those are of level DEBUG, all else of level
    WARNING. Python's own standard error moves to a copy of the descriptor, so log lines and
    tracebacks still arrive, and so does what Python was doing when a library crashed. Call before
    `setup`, once. Where no process can be started, everything stays as it is.
    """
    read_end, write_end = os.pipe()
    copy = os.dup(2)
    try:
        _readers.append(native_log.start(read_end, copy))
    except OSError:
        os.close(copy)
        os.close(write_end)
        return
    finally:
        os.close(read_end)
    sys.stderr = os.fdopen(copy, "w", buffering=1, errors="backslashreplace")
    # What a library has to say must not hold it up.
    os.set_blocking(write_end, False)
    os.dup2(write_end, 2)
    os.close(write_end)
    faulthandler.enable(sys.stderr)


class ThinnedLog:
    """Passes on at most so many events a second of each kind and drops the others.

    A kind is a message before its values are filled in, so that no flood hides another event.

    Args:
        log: where the events go.
        per_second: how many of each kind pass; below 1 for one in several seconds.
        burst: how many of each kind pass at once after a pause.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        log: logging.Logger,
        *,
        per_second: float,
        burst: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._between = 1 / per_second
        self._ahead = (burst - 1) * self._between
        self._clock = clock
        self._due: dict[str, float] = {}

    def debug(self, message: str, *values: object) -> None:
        """Log at level DEBUG, or drop."""
        self._pass(logging.DEBUG, message, values)

    def info(self, message: str, *values: object) -> None:
        """Log at level INFO, or drop."""
        self._pass(logging.INFO, message, values)

    def warning(self, message: str, *values: object) -> None:
        """Log at level WARNING, or drop."""
        self._pass(logging.WARNING, message, values)

    def error(self, message: str, *values: object) -> None:
        """Log at level ERROR, or drop."""
        self._pass(logging.ERROR, message, values)

    def _pass(self, level: int, message: str, values: tuple[object, ...]) -> None:
        now = self._clock()
        due = max(now, self._due.get(message, now))
        if due - now <= self._ahead:
            self._due[message] = due + self._between
            self._log.log(level, message, *values)
