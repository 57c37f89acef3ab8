"""Log lines that may come by the thousand, thinned to a few a second."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable


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
