"""A consumer's metrics page as the figures that a person wants to see."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

Bucket = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One reading of a consumer.

    Attributes:
        matched, unmatched, dead_lettered: records finished, by outcome.
        correct, labelled: images with a ground truth, and how many were predicted right.
        latency: cumulative histogram of seconds from capture to durable, as (bound, count).
        lag: records that are on the topic and not finished.
    """

    matched: int = 0
    unmatched: int = 0
    dead_lettered: int = 0
    correct: int = 0
    labelled: int = 0
    latency: Sequence[Bucket] = ()
    lag: int = 0

    @property
    def classified(self) -> int:
        """Images that got a label."""
        return self.matched + self.unmatched

    @property
    def finished(self) -> int:
        """Records that are accounted for."""
        return self.classified + self.dead_lettered

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
    outcomes: dict[str, float] = {}
    correct = labelled = lag = 0.0
    latency: list[Bucket] = []
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            labels = sample.labels
            if sample.name == "velox_records_total":
                outcomes[labels["outcome"]] = sample.value
            elif sample.name == "velox_predictions_total" and labels["truth"]:
                labelled += sample.value
                correct += sample.value if labels["truth"] == labels["label"] else 0.0
            elif sample.name == "velox_end_to_end_seconds_bucket":
                latency.append((float(labels["le"]), sample.value))
            elif sample.name == "velox_consumer_lag_records":
                lag += sample.value
    return Figures(
        matched=int(outcomes.get("match", 0)),
        unmatched=int(outcomes.get("no_match", 0)),
        dead_lettered=int(outcomes.get("dead_letter", 0)),
        correct=int(correct),
        labelled=int(labelled),
        latency=latency,
        lag=int(lag),
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
