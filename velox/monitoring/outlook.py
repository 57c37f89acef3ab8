"""How the model is doing where nobody says what is right: expected accuracy, and drift.

The figures are computed when they are asked for: what a batch costs is a copy into the window.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from velox.base.interval import wilson
from velox.base.reference import LOOKS, SIGNALS, SUREST, Recalibration, Reference
from velox.monitoring.drift import drift
from velox.monitoring.mix import mix_drift
from velox.monitoring.window import NO_TRUTH, RIGHT, UNDECIDED, Decided, Window

# The expected accuracy is of more images than the drift: what is rare needs many, what has
# changed should be told soon.
ACCURACY_IMAGES, DRIFT_IMAGES = 5000, 1000
# Fewer show nothing, however far off they are.
LEAST_IMAGES = 100
LABEL_MIX = "label_mix"
# The value of `label` that stands for all of them.
ALL = ""


class Outlook(Collector):
    """Watches what one model after the other decides. Safe to share between threads.

    Args:
        registry: where it is read.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lock = threading.Lock()
        self._model = ""
        self._labels: Sequence[str] = ()
        self._reference: Reference | None = None
        self._window = Window(ACCURACY_IMAGES)
        registry.register(self)

    def add(
        self,
        model: str,
        labels: Sequence[str],
        reference: Reference | None,
        decided: Decided | None,
    ) -> None:
        """Take what a model decided; another model's window begins anew.

        Args:
            model: its digest.
            labels: in the order of the indices.
            reference: what it is compared with; None shows nothing.
            decided: the images, the oldest first.
        """
        with self._lock:
            if model != self._model:
                self._model, self._labels, self._reference = model, labels, reference
                self._window = Window(ACCURACY_IMAGES)
            if decided is not None:
                self._window.add(decided)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The figures of this moment, none of a model that has no reference."""
        with self._lock:
            labels, reference = self._labels, self._reference
            decided = self._window.newest(ACCURACY_IMAGES)
        yield from _accuracy(labels, reference, decided)
        yield from _drift(reference, decided.rows(slice(-DRIFT_IMAGES, None)))

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The names alone, for the registry."""
        nothing = Decided.blank(0)
        yield from _accuracy((), None, nothing)
        yield from _drift(None, nothing)


def _accuracy(
    labels: Sequence[str], reference: Reference | None, decided: Decided
) -> Iterator[GaugeMetricFamily]:
    expected, low, high, true = (
        GaugeMetricFamily(name, text, labels=["label"])
        for name, text in (
            (
                "velox_expected_accuracy",
                "Share of the newest images that should be right, by label.",
            ),
            ("velox_expected_accuracy_low", "Lower end of its interval of 95 %."),
            ("velox_expected_accuracy_high", "Upper end of its interval of 95 %."),
            ("velox_true_accuracy", "Share of the same images that is right, by their truth."),
        )
    )
    decided = decided.rows(decided.right != UNDECIDED)
    if reference is not None and len(decided):
        right = expected_right(decided.confidences, reference.recalibration)
        groups = [(labels[index], decided.called == index) for index in np.unique(decided.called)]
        usual = dict(zip(labels, reference.called, strict=True))
        groups.append((ALL, np.ones(len(decided), bool)))
        usual[ALL] = sum(reference.called)
        for label, which in groups:
            share = float(right[which].mean())
            interval = expected_interval(share, int(which.sum()), usual[label])
            for family, value in ((expected, share), (low, interval[0]), (high, interval[1])):
                family.add_metric([label], value)
            known = decided.right[which & (decided.right != NO_TRUTH)]
            if len(known):
                true.add_metric([label], float((known == RIGHT).mean()))
    yield from (expected, low, high, true)


def expected_right(confidences: NDArray[np.float32], line: Recalibration) -> NDArray[np.float64]:
    """The probability that decisions of these confidences are right, float64 [N]."""
    known = np.clip(confidences, 1 - SUREST, SUREST, dtype=np.float64)
    odds = np.log(known / (1 - known))
    return np.asarray(1 / (1 + np.exp(-(line.slope * odds + line.height))))


def expected_interval(share: float, images: int, unseen: int) -> tuple[float, float]:
    """Within which the accuracy lies in 95 of 100 cases, if the confidences mean what they say.

    Both the images at hand and the unseen ones that the confidences were checked on are a sample.
    The variances of two samples add up, so the interval is that of Wilson for
    `1 / (1 / images + 1 / unseen)` images. As the confidences differ, it is rather too wide.

    Args:
        share: that is expected to be right.
        images: of which, at least 1.
        unseen: images that training had to check such confidences on, perhaps none.
    """
    count = images * unseen / (images + unseen)
    return wilson(share * count, count)


def _drift(reference: Reference | None, decided: Decided) -> Iterator[GaugeMetricFamily]:
    found, mean, usual_mean = (
        GaugeMetricFamily(name, text, labels=["signal"])
        for name, text in (
            ("velox_drift", "How far the newest images are from the usual; large from 0.2."),
            ("velox_signal_mean", "Mean of a signal over the newest images."),
            ("velox_signal_usual_mean", "Mean of a signal where the model was trained."),
        )
    )
    if reference is not None and len(decided) >= LEAST_IMAGES:
        called = np.bincount(decided.called, minlength=len(reference.called))
        found.add_metric([LABEL_MIX], mix_drift(np.array(reference.called), called))
        values = dict(zip(LOOKS, decided.looks.T, strict=True))
        values["confidence"] = decided.confidences
        for signal in SIGNALS:
            usual, now = reference.signals[signal], values[signal]
            bins = np.searchsorted(usual.edges, now, side="right")
            counts = np.bincount(bins, minlength=len(usual.counts))
            found.add_metric([signal], drift(np.array(usual.counts), counts))
            mean.add_metric([signal], float(now.mean(dtype=float)))
            usual_mean.add_metric([signal], usual.mean)
    yield from (found, mean, usual_mean)
