"""How many images each source gave, and how long ago the last one was: for a bounded number."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable

from velox.base.records import Record, usable_timestamp
from velox.consumer.sources.rules import NO_RULES, Sources
from velox.monitoring.metrics import OUTCOMES, Metrics

OTHER = "other"

log = logging.getLogger(__name__)


class SourceCounts:
    """Counts the images of each source. Safe to share between threads.

    Names are the senders' choice, so that only so many are told apart; those that SOURCES_PATH
    names in full are told apart in any case.

    Args:
        metrics: where.
        most: names that are told apart besides; the rest is `other`, as is what has no name.
        wall_clock: seconds since the epoch.
    """

    def __init__(
        self, metrics: Metrics, *, most: int, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._metrics = metrics
        self._most = most
        self._wall_clock = wall_clock
        self._sources = NO_RULES
        self._lock = threading.Lock()
        self._named: set[str] = set()
        self._others: set[str] = set()
        self._expected: set[str] = set()
        self._newest: dict[str, float] = {}
        self._full = False
        for outcome in OUTCOMES:
            metrics.source_images.labels(OTHER, outcome)

    def expect(self, sources: Sources) -> None:
        """Show from now on how often each source must be heard, as these rules say."""
        with self._lock:
            self._sources = sources
            for name in sources.named:
                self._tell_apart(name, self._named)
            for name in self._named | self._others:
                self._show_expected(name)

    def count(self, came_to: Iterable[tuple[Record, str]]) -> None:
        """Count records that are finished.

        Args:
            came_to: the records, each with its outcome.
        """
        now = self._wall_clock()
        times: Counter[tuple[str, str]] = Counter()
        newest: dict[str, float] = {}
        with self._lock:
            for record, outcome in came_to:
                name = self._shown(record.source)
                times[name, outcome] += 1
                # A clock that is ahead must not hide that nothing comes any more.
                at = record.timestamp_ms / 1000 if usable_timestamp(record.timestamp_ms) else now
                newest[name] = max(newest.get(name, 0.0), min(at, now))
        for (name, outcome), number in times.items():
            self._metrics.source_images.labels(name, outcome).inc(number)
        newest.pop(OTHER, None)
        for name, at in newest.items():
            self._heard(name, at, now)

    def _shown(self, name: str | None) -> str:
        """The name under which a source is counted."""
        if name is None or name == OTHER:
            return OTHER
        if name in self._named or name in self._others:
            return name
        if len(self._others) < self._most:
            self._tell_apart(name, self._others)
            self._show_expected(name)
            return name
        if not self._full:
            self._full = True
            log.warning(
                "more than MAX_SOURCES=%d sources: the metrics call the rest `other`, from %r on",
                self._most,
                name,
            )
        return OTHER

    def _tell_apart(self, name: str, among: set[str]) -> None:
        if name not in self._named and name not in self._others:
            for outcome in OUTCOMES:
                self._metrics.source_images.labels(name, outcome)
        among.add(name)

    def _show_expected(self, name: str) -> None:
        """0 says that a source need not be heard any more; one that never had to says nothing."""
        rule = self._sources.of_name(name)
        seconds = rule.expect_s if rule is not None else None
        if seconds is not None or name in self._expected:
            self._expected.add(name)
            self._metrics.source_expect.labels(name).set(seconds or 0)

    def _heard(self, name: str, at: float, now: float) -> None:
        with self._lock:
            known = name in self._newest
            self._newest[name] = max(min(self._newest.get(name, 0.0), now), at)
        if not known:
            self._metrics.source_age.labels(name).set_function(lambda: self._age(name))

    def _age(self, name: str) -> float:
        now = self._wall_clock()
        with self._lock:
            # Our own clock may have been ahead for a moment.
            newest = self._newest[name] = min(self._newest[name], now)
        return now - newest
