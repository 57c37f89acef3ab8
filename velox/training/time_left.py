"""How long a training goes on, by how long it has taken so far."""

from __future__ import annotations

import time
from collections.abc import Callable

MINUTE, HOUR = 60, 3600


class TimeLeft:
    """Tells how much time is left, at most: a training may end early.

    Args:
        epochs: still to do.
        clock: monotonic seconds.
    """

    def __init__(self, epochs: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._epochs = epochs
        self._clock = clock
        self._start = clock()
        self._done = 0

    def after(self, steps: int, of_epoch: int) -> str:
        """The time left after so many steps of the epoch, at least one, in words."""
        return self._words(self._done + steps / of_epoch)

    def after_epoch(self) -> str:
        """The time left after one more epoch and its judgement, in words."""
        self._done += 1
        return self._words(self._done)

    def _words(self, done: float) -> str:
        seconds = (self._clock() - self._start) * (self._epochs - done) / done
        return f"{in_words(max(0.0, seconds))} left"


def in_words(seconds: float) -> str:
    """A duration as people say it: 40 s, 4 min, 1 h 5 min."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds // HOUR:.0f} h {seconds % HOUR / MINUTE:.0f} min"
