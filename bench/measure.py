"""Measuring on a noisy machine: candidates take turns, medians are compared, spread is told."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """Repeated measurements of one thing.

    Attributes:
        median, low, high: of the measurements.
        count: how many there were.
        unit: of all three.
    """

    median: float
    low: float
    high: float
    count: int
    unit: str

    def __str__(self) -> str:
        return f"{self.median:,.1f} {self.unit} ({self.low:,.1f} to {self.high:,.1f})"


def figure(values: Sequence[float], unit: str) -> Figure:
    """Sum up measurements."""
    return Figure(statistics.median(values), min(values), max(values), len(values), unit)


def rates(
    candidates: Mapping[str, Callable[[], object]], *, items: int, seconds: float, unit: str
) -> dict[str, Figure]:
    """Items a second of each candidate, which take turns until the time is up.

    Args:
        candidates: each call handles `items` of something.
        items: how many.
        seconds: for all together; each is called twice before and three times at least.
        unit: what is counted a second.
    """
    for call in candidates.values():
        call()
        call()
    found: dict[str, list[float]] = {name: [] for name in candidates}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline or min(map(len, found.values())) < 3:
        for name, call in candidates.items():
            start = time.perf_counter()
            call()
            found[name].append(items / (time.perf_counter() - start))
    return {name: figure(values, unit) for name, values in found.items()}
