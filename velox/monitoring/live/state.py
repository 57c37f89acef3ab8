"""What the live page shows, read once a second however many look."""

from __future__ import annotations

import json
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from velox.base.waiting import Periodic
from velox.monitoring import snapshot
from velox.monitoring.drift import LARGE
from velox.monitoring.health import Health
from velox.monitoring.live.matches import LatestMatches, Match
from velox.monitoring.metrics import Metrics
from velox.monitoring.snapshot import Bucket, Figures

EVERY_S = 1.0
# Throughput and latency are of the last so many seconds, the curve of a longer while.
WINDOW_S = 10
CURVE_S = 120
# Every batch waits for the store for a moment; so long a wait is one to tell of.
WAITING_AFTER_S = 3.0
MOST_ROWS = 12
LONGEST_TEXT = 120
CLOSE_TIMEOUT_S = 2.0

log = logging.getLogger(__name__)

Reading = tuple[float, Figures]


class LiveState:
    """Reads the consumer's own metrics and health once a second, in a thread.

    Args:
        metrics, health, matches: what is shown.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        metrics: Metrics,
        health: Health,
        matches: LatestMatches,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # There may be thousands of sources, which the page does not show.
        self._shown = metrics.registry.restricted_registry(snapshot.READ)
        self._health = health
        self._matches = matches
        self._clock = clock
        self._readings: deque[Reading] = deque(maxlen=WINDOW_S + 1)
        self._curve: deque[float] = deque(maxlen=CURVE_S)
        self.json = b"{}"
        self.read()
        # A page that stands still is better than a pipeline that does.
        self._reading = Periodic(
            self.read, every=EVERY_S, name="live-page", log=log, what="update the live page"
        )

    def start(self) -> None:
        """Read from now on."""
        self._reading.start()

    def close(self) -> None:
        """Read no more."""
        self._reading.close(CLOSE_TIMEOUT_S)

    def read(self) -> None:
        """Take one reading and write `json` anew."""
        before = self._readings[-1] if self._readings else None
        reading = (self._clock(), snapshot.of(self._shown.collect()))
        self._readings.append(reading)
        if before is not None:
            self._curve.append(round(_rate(before, reading), 1))
        content = self._content(self._readings[0], reading)
        self.json = json.dumps(content, allow_nan=False).encode()

    def _content(self, first: Reading, last: Reading) -> dict[str, Any]:
        now = last[1]
        recent = _difference(first[1].latency, now.latency)
        return {
            "state": _state(self._health),
            "images_per_second": _number(_rate(first, last)),
            "curve": list(self._curve),
            "latency_ms": {
                name: _number(1000 * snapshot.quantile(recent, share))
                for name, share in (("p50", 0.5), ("p99", 0.99))
            },
            "classified": now.classified,
            "matched": now.matched,
            "dead_lettered": now.dead_lettered,
            "unknown": now.unknown,
            "stale": now.stale,
            "lag": now.lag,
            "accuracy": _number(now.accuracy),
            "labelled": now.labelled,
            "expected": now.expected and [_number(each) for each in now.expected],
            "drifts": [
                [name.replace("_", " "), _number(value), _alarming(name, now)]
                for name, value in now.drifts.items()
            ],
            "labels": _rows(now.labels),
            "reasons": _rows({f"{stage}: {why}": n for (stage, why), n in now.reasons.items()}),
            "model": dict(now.model),
            "matches": [_shown(each) for each in self._matches.newest_first()],
        }


def _alarming(signal: str, now: Figures) -> bool:
    """Whether a drift is large; a model that is surer than usual is no trouble."""
    surer = signal == "confidence" and now.means[signal] > now.usual_means[signal]
    return now.drifts[signal] > LARGE and not surer


def _rate(first: Reading, last: Reading) -> float:
    seconds = last[0] - first[0]
    done = [each.finished - each.stale for _, each in (first, last)]
    return (done[1] - done[0]) / seconds if seconds > 0 else 0.0


def _difference(first: Sequence[Bucket], last: Sequence[Bucket]) -> list[Bucket]:
    """What a cumulative histogram took in between two readings."""
    before = dict(first)
    return [(bound, count - before.get(bound, 0.0)) for bound, count in last]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _rows(counts: Mapping[str, int]) -> list[list[str | int]]:
    """Name and count, in the order of the names; what is too much for a screen is one row.

    A fixed order keeps the rows of the page in their places.
    """
    kept = sorted(counts, key=lambda name: -counts[name])[:MOST_ROWS]
    rows: list[list[str | int]] = [[name, counts[name]] for name in sorted(kept)]
    if others := counts.keys() - set(kept):
        rows.append([f"{len(others)} others", sum(counts[name] for name in others)])
    return rows


def _state(health: Health) -> dict[str, str]:
    """One word and the reason: what the probes say."""
    live, live_reason = health.live()
    ready, ready_reason = health.ready()
    if not live:
        return {"word": "stuck", "reason": live_reason}
    if live_reason != "ok" and health.idle() > WAITING_AFTER_S:
        return {"word": "waiting", "reason": live_reason}
    if not ready:
        return {"word": "starting", "reason": ready_reason}
    return {"word": "running", "reason": ""}


def _shown(match: Match) -> dict[str, Any]:
    detection = match.detection
    return {
        "key": match.key,
        "picture": match.image is not None or match.thumbnail is not None,
        "label": _clipped(detection.predicted_label),
        "confidence": _number(detection.confidence),
        "truth": _clipped(detection.ground_truth),
        "source": _clipped(detection.source),
        "time": detection.timestamp,
        "latency_ms": detection.latency_ms,
    }


def _clipped(text: str | None) -> str | None:
    """A header of a record may be megabytes long."""
    return text if text is None or len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"
