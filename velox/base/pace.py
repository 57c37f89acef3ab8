"""Pacing: one event an interval, without drift."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Waits between events so that they come one an interval.

    An event that is late does not shift those after it, but a standstill is not made up for.

    Args:
        interval: seconds between events; 0 for no wait.
        stop: ends a wait.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        interval: float,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval = interval
        self._stop = stop
        self._clock = clock
        self._due = clock()

    def wait(self) -> bool:
        """Wait for the next event's time; False when told to stop."""
        now = self._clock()
        stopped = self._stop.wait(self._due - now) if self._due > now else self._stop.is_set()
        self._due = max(self._due, now - self._longest_debt()) + self._interval
        return not stopped

    def _longest_debt(self) -> float:
        return max(1.0, self._interval)
