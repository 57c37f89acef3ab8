"""What became of the images of one source: counted where it happens, read by whoever asks."""

from __future__ import annotations

import time
from collections.abc import Callable


class Tally:
    """Counts; each number is changed by one thread.

    Args:
        wall_clock: seconds since the epoch.

    Attributes:
        read: images that came, also those that there was no room for.
        sent, sent_bytes: images handed to the Kafka client, and their bytes.
        acknowledged, failed: of these, what the broker has and what was given up.
        last_read, last_acknowledged: when, in seconds since the epoch; None before the first.
    """

    def __init__(self, wall_clock: Callable[[], float] = time.time) -> None:
        self._wall_clock = wall_clock
        self.read = self.sent = self.sent_bytes = self.acknowledged = self.failed = 0
        self.last_read: float | None = None
        self.last_acknowledged: float | None = None

    def came(self) -> None:
        """An image came from the source."""
        self.read += 1
        self.last_read = self._wall_clock()

    def handed_on(self, size: int) -> None:
        """An image of so many bytes is sent."""
        self.sent += 1
        self.sent_bytes += size

    def answered(self, place: tuple[int, int] | None) -> None:
        """The broker has an image at this place, or it was given up."""
        if place is None:
            self.failed += 1
            return
        self.acknowledged += 1
        self.last_acknowledged = self._wall_clock()
