"""An allowance: so many an hour, spread over it, with room left for what matters more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_HOUR_S = 3600.0
# What may come at once, so that the rest of the hour has its share.
_AT_ONCE = 1 / 10


class Allowance:
    """Lets through at most so many in any hour, by a bucket that fills at a steady pace.

    Safe to share between threads.

    Args:
        per_hour: at least 10.
        clock: monotonic seconds.
    """

    def __init__(self, per_hour: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = per_hour * _AT_ONCE
        self._per_second = (per_hour - self._most) / _HOUR_S
        self._clock = clock
        self._left = self._most
        self._filled = clock()
        self._turn = threading.Lock()

    def take(self, *, first: bool) -> bool:
        """Whether one more is let through.

        Args:
            first: one of those that matter more: what comes besides leaves them half the bucket.
        """
        needed = 1.0 if first else max(1.0, self._most / 2)
        with self._turn:
            now = self._clock()
            self._left = min(self._most, self._left + self._per_second * (now - self._filled))
            self._filled = now
            if self._left < needed:
                return False
            self._left -= 1.0
            return True
