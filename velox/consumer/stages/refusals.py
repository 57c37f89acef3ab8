"""How many of a stage's last records were refused, counted batch by batch."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

LEAST_RECORDS = 100


@dataclass(slots=True)
class Counted:
    """A batch at a stage: its records, and how many of them were refused."""

    records: int = 0
    refused: int = 0


class Window:
    """The last batches of a stage: as few as hold `LEAST_RECORDS` records."""

    def __init__(self) -> None:
        self._batches: deque[Counted] = deque()
        self._records = 0

    def add(self, batch: Counted) -> None:
        """Take in one more batch; how many of it were refused may still change."""
        self._batches.append(batch)
        self._records += batch.records
        while self._records - self._batches[0].records >= LEAST_RECORDS:
            self._records -= self._batches.popleft().records

    def share(self) -> float:
        """The share that was refused, 0 while there are too few records to tell."""
        if self._records < LEAST_RECORDS:
            return 0.0
        return sum(each.refused for each in self._batches) / self._records
