"""Logging: one line an event on standard error, whatever the C libraries print."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time

from velox.thinned_log import ThinnedLog

FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s"
# Characters; what a server or a model says of a record may be as long as the record.
LONGEST_LINE = 8000
DATE_FORMAT = "%Y-%m-%dT%H:%M:%S"


# Ends of lines, and what makes a terminal move, paint or beep.
_ESCAPED = {
    code: repr(chr(code))[1:-1] for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
}


class _OneLine(logging.Formatter):
    """Keeps an event on one line: a message may carry text that came with a record."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record).translate(_ESCAPED)
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
    for chatty in ("pymongo", "urllib3", "matplotlib"):
        logging.getLogger(chatty).setLevel(max(logging.INFO, logging.getLevelName(level)))


def capture_native_stderr() -> None:
    """Turn what C libraries write to file descriptor 2 into log events of level DEBUG.

    libjpeg and OpenCV print a line for every odd image. Python's own standard error moves to a
    copy of the descriptor, so log lines and tracebacks still arrive. Call before `setup`, once.
    """
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    read_end, write_end = os.pipe()
    os.dup2(write_end, 2)
    os.close(write_end)
    threading.Thread(target=_relay, args=(read_end,), name="native-stderr", daemon=True).start()


def _relay(read_end: int) -> None:
    # Decoders print for every odd image.
    thinned = ThinnedLog(logging.getLogger("velox.native"), per_second=2, burst=50)
    with os.fdopen(read_end, errors="backslashreplace") as lines:
        for line in lines:
            if line.strip():
                thinned.debug("library printed text=%r", line.strip())
