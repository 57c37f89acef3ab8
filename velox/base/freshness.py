"""Freshness: which images are too old to be worth an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from velox.base.records import Record, usable_timestamp


class Freshness:
    """Tells which records are stale; by default none is.

    What counts is a record's own timestamp. One that has none, or none that can be true, is never
    stale, and neither is one from the future.

    Args:
        max_age: seconds from a record's timestamp after which it is stale; 0 for never.
        wall_clock: seconds since the epoch.
    """

    def __init__(
        self, max_age: float = 0.0, *, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self.limited = max_age > 0
        self._max_age = max_age
        self._wall_clock = wall_clock

    def oldest_ms(self) -> int:
        """The earliest timestamp that is fresh now, in milliseconds since the epoch."""
        return int((self._wall_clock() - self._max_age) * 1000) if self.limited else 0

    def stale_rows(self, records: Sequence[Record]) -> list[bool]:
        """Of each record whether it is stale now."""
        oldest = self.oldest_ms()
        return [
            each.timestamp_ms < oldest and usable_timestamp(each.timestamp_ms) for each in records
        ]

    def parted(self, records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
        """The fresh ones and the stale ones, each in order."""
        if not self.limited:
            return list(records), []
        stale = self.stale_rows(records)
        return (
            [each for each, old in zip(records, stale, strict=True) if not old],
            [each for each, old in zip(records, stale, strict=True) if old],
        )


ALWAYS_FRESH = Freshness()
