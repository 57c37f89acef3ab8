import math

import pytest
from prometheus_client import generate_latest

from velox.monitoring.metrics import Metrics
from velox.monitoring.snapshot import READ, Figures, of, quantile, read


def page(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()


def test_a_page_of_a_consumer_is_read_whole() -> None:
    metrics = Metrics()
    metrics.records.labels("match").inc(7)
    metrics.records.labels("no_match").inc(2)
    metrics.records.labels("unknown").inc(3)
    metrics.records.labels("stale").inc(4)
    metrics.records.labels("dead_letter").inc(1)
    metrics.predictions.labels("red_circle", "red_circle").inc(5)
    metrics.predictions.labels("red_circle", "red_square").inc(3)
    metrics.predictions.labels("red_circle", "").inc(1)
    metrics.lag.labels(0).set(4)
    metrics.lag.labels(1).set(6)
    for _ in range(9):
        metrics.end_to_end.observe(0.05)
    figures = read(page(metrics))
    assert (figures.matched, figures.unmatched, figures.unknown) == (7, 2, 3)
    assert (figures.stale, figures.dead_lettered) == (4, 1)
    assert (figures.classified, figures.finished) == (12, 17)
    assert (figures.correct, figures.labelled) == (5, 8)
    assert figures.accuracy == 5 / 8
    assert figures.lag == 10
    assert 0.04 <= figures.latency_quantile(0.5) <= 0.052


def test_what_is_read_alone_gives_the_same_figures() -> None:
    metrics = Metrics()
    metrics.records.labels("match").inc(7)
    metrics.predictions.labels("red_circle", "red_circle").inc(5)
    metrics.lag.labels(0).set(4)
    metrics.matches.labels("red_circle").inc(7)
    metrics.dead_letters.labels("decode", "UndecodableImage").inc(2)
    metrics.model_info.labels("0123456789ab", "resnet18", 96, "cpu", "int8").set(1)
    metrics.end_to_end.observe(0.05)
    metrics.source_images.labels("door", "match").inc()
    only = metrics.registry.restricted_registry(READ)
    assert of(only.collect()) == of(metrics.registry.collect())


def test_nothing_seen_yet_gives_no_figures() -> None:
    figures = read(page(Metrics()))
    assert figures.finished == 0
    assert math.isnan(figures.accuracy)
    assert math.isnan(figures.latency_quantile(0.5))
    assert math.isnan(Figures().latency_quantile(0.99))


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, 0.0), (0.25, 0.5), (0.5, 1.0), (0.75, 1.5), (1.0, 2.0)],
)
def test_a_quantile_is_interpolated_in_its_bucket(share: float, expected: float) -> None:
    assert quantile([(1.0, 10), (2.0, 20), (math.inf, 20)], share) == expected


def test_beyond_the_last_bound_the_bound_is_what_is_known() -> None:
    assert quantile([(1.0, 1), (math.inf, 10)], 0.99) == 1.0
