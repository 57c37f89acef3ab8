"""A consumer's metrics page as the figures that a person wants to see."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

Bucket = tuple[float, float]
EXPECTED = "velox_expected_accuracy"
SIGNALS = ("velox_drift", "velox_signal_mean", "velox_signal_usual_mean")
# The samples that `of` looks at: what else there is need not be collected for it.
READ = (
    "velox_records_total",
    "velox_predictions_total",
    "velox_end_to_end_seconds_bucket",
    "velox_consumer_lag_records",
    *(f"{EXPECTED}{bound}" for bound in ("", "_low", "_high")),
    *SIGNALS,
    "target_shapes_found_total",
    "velox_dead_letters_total",
    "velox_model",
)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One reading of a consumer.

    Attributes:
        matched, unmatched, unknown, stale, dead_lettered: records finished, by outcome.
        correct, labelled: images with a ground truth, and how many were predicted right.
        latency: cumulative histogram of seconds from capture to durable, as (bound, count).
        lag: records that are on the topic and not finished.
        expected: share of the newest images that is expected to be right, with both ends of its
            interval; None where it is not known.
        drifts: by signal, how far those images are from what is usual.
        means, usual_means: of the signals, over those images and in the training.
        labels: matches by label.
        reasons: dead letters by stage and reason.
        model: digest, architecture, input_size, device and precision of the model in use; empty
            before it is loaded.
    """

    matched: int = 0
    unmatched: int = 0
    unknown: int = 0
    stale: int = 0
    dead_lettered: int = 0
    correct: int = 0
    labelled: int = 0
    latency: Sequence[Bucket] = ()
    lag: int = 0
    expected: tuple[float, float, float] | None = None
    drifts: Mapping[str, float] = field(default_factory=dict)
    means: Mapping[str, float] = field(default_factory=dict)
    usual_means: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[tuple[str, str], int] = field(default_factory=dict)
    model: Mapping[str, str] = field(default_factory=dict)

    @property
    def classified(self) -> int:
        """Images that got a label."""
        return self.matched + self.unmatched + self.unknown

    @property
    def finished(self) -> int:
        """Records that are accounted for."""
        return self.classified + self.stale + self.dead_lettered

    @property
    def accuracy(self) -> float:
        """Share of the labelled images that were predicted right, NaN if there are none."""
        return self.correct / self.labelled if self.labelled else math.nan

    def latency_quantile(self, share: float) -> float:
        """Seconds within which this share of the images was durable, NaN if there are none."""
        return quantile(self.latency, share)


def read(page: str) -> Figures:
    """Read a metrics page in the Prometheus text format.

    Raises:
        ValueError: when it is not one.
    """
    return of(text_string_to_metric_families(page))


def of(families: Iterable[Metric]) -> Figures:
    """The figures of a consumer's metrics, as a registry collects them or a parser reads them."""
    outcomes: dict[str, float] = {}
    expected: dict[str, float] = {}
    signals: dict[str, dict[str, float]] = {name: {} for name in SIGNALS}
    correct = labelled = lag = 0.0
    latency: list[Bucket] = []
    matches: dict[str, int] = {}
    reasons: dict[tuple[str, str], int] = {}
    model: Mapping[str, str] = {}
    for family in families:
        for name, labels, value, *_ in family.samples:
            if name == "velox_records_total":
                outcomes[labels["outcome"]] = value
            elif name == "velox_predictions_total" and labels["truth"]:
                labelled += value
                correct += value if labels["truth"] == labels["label"] else 0.0
            elif name == "velox_end_to_end_seconds_bucket":
                latency.append((float(labels["le"]), value))
            elif name == "velox_consumer_lag_records":
                lag += value
            elif name.startswith(EXPECTED) and not labels["label"]:
                expected[name.removeprefix(EXPECTED)] = value
            elif name in signals:
                signals[name][labels["signal"]] = value
            elif name == "target_shapes_found_total":
                matches[labels["label"]] = int(value)
            elif name == "velox_dead_letters_total":
                reasons[labels["stage"], labels["reason"]] = int(value)
            elif name == "velox_model":
                model = labels
    return Figures(
        matched=int(outcomes.get("match", 0)),
        unmatched=int(outcomes.get("no_match", 0)),
        unknown=int(outcomes.get("unknown", 0)),
        stale=int(outcomes.get("stale", 0)),
        dead_lettered=int(outcomes.get("dead_letter", 0)),
        correct=int(correct),
        labelled=int(labelled),
        latency=latency,
        lag=int(lag),
        expected=(expected[""], expected["_low"], expected["_high"]) if expected else None,
        drifts=signals["velox_drift"],
        means=signals["velox_signal_mean"],
        usual_means=signals["velox_signal_usual_mean"],
        labels=matches,
        reasons=reasons,
        model=model,
    )


def quantile(buckets: Sequence[Bucket], share: float) -> float:
    """A quantile of a cumulative histogram, interpolated within its bucket.

    As PromQL's `histogram_quantile`: https://prometheus.io/docs/prometheus/latest/querying/functions/

    Args:
        buckets: (upper bound, cumulative count) in order, the last one up to infinity.
        share: in [0, 1].
    """
    total = buckets[-1][1] if buckets else 0.0
    if total == 0:
        return math.nan
    rank = share * total
    below, lower = 0.0, 0.0
    for bound, count in buckets:
        if count >= rank and count > below:
            if math.isinf(bound):
                return lower
            return lower + (bound - lower) * (rank - below) / (count - below)
        below, lower = count, bound
    return lower
