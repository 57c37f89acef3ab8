"""What the page to label on exposes as metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.process_collector import ProcessCollector

from velox.base.accuracy import Share
from velox.base.candidates import JUDGED, RANDOM_RANK


class ReviewMetrics:
    """What the page to label on exposes: how much waits, and how often the model is right."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=self.registry)

        self._images = gauge(
            "velox_review_images",
            "Images kept for review: unsure or random, waiting or judged.",
            "kind",
            "state",
        )
        self._said = Counter(
            "velox_review_verdicts", "Verdicts given here.", registry=self.registry
        )
        self._judged = gauge(
            "velox_review_judged_images",
            "Images of the running model's random share with a verdict, by predicted label, and "
            "whether it was right.",
            "label",
            "right",
        )
        self._accuracy = gauge(
            "velox_review_accuracy",
            "Share of the running model's predictions that are right, by the verdicts on its "
            "random share, and the ends of its interval of 95 %.",
            "bound",
        )
        self._shown: set[str] = set()
        self.show((0, 0, 0, 0), Share(), {})

    def said(self, count: int) -> None:
        """Count verdicts."""
        self._said.inc(count)

    def show(self, counts: Sequence[int], accuracy: Share, called: Mapping[str, Share]) -> None:
        """Set the gauges.

        Args:
            counts: images of each rank; see `velox.base.candidates.RANKS`.
            accuracy: of all predictions.
            called: of those that are called so, by label.
        """
        for rank, count in enumerate(counts):
            state = "judged" if rank >= JUDGED else "waiting"
            kind = "random" if rank % JUDGED == RANDOM_RANK else "unsure"
            self._images.labels(kind, state).set(count)
        found, interval = accuracy.found, accuracy.interval
        self._accuracy.labels("found").set(math.nan if found is None else found)
        self._accuracy.labels("low").set(interval.low)
        self._accuracy.labels("high").set(interval.high)
        for label in self._shown - called.keys():
            for right in ("yes", "no"):
                self._judged.remove(label, right)
        for label, each in called.items():
            self._judged.labels(label, "yes").set(each.right)
            self._judged.labels(label, "no").set(each.images - each.right)
        self._shown = set(called)
