"""What the metrics page holds: the names users query, in base units, from the first scrape on."""

from __future__ import annotations

import re

from prometheus_client import generate_latest

from velox.monitoring.group_metrics import GroupMetrics
from velox.monitoring.metrics import OUTCOMES, STAGES, Metrics


def page(metrics: Metrics | GroupMetrics) -> str:
    return generate_latest(metrics.registry).decode()


def test_the_documented_names_are_exposed() -> None:
    metrics = Metrics()
    metrics.matches.labels("red_circle").inc()
    metrics.batch_confidence.set(0.97)
    text = page(metrics)
    assert 'target_shapes_found_total{label="red_circle"} 1.0' in text
    assert "batch_avg_confidence 0.97" in text


def test_all_else_is_named_after_the_project() -> None:
    ours = re.findall(r"^# HELP (\S+)", page(Metrics()), re.MULTILINE)
    others = {name for name in ours if not name.startswith(("velox_", "process_"))}
    assert others == {"target_shapes_found_total", "batch_avg_confidence"}


def test_every_metric_says_what_it_is() -> None:
    for line in re.findall(r"^# HELP velox_.*$", page(Metrics()), re.MULTILINE):
        assert re.fullmatch(r"# HELP \S+ [A-Z1].{10,}\.", line), line


def test_known_label_values_start_at_zero() -> None:
    text = page(Metrics())
    for outcome in OUTCOMES:
        assert f'velox_records_total{{outcome="{outcome}"}} 0.0' in text
    for stage in STAGES:
        assert f'velox_stage_seconds_count{{stage="{stage}"}} 0.0' in text


def test_two_sets_of_metrics_share_no_counts() -> None:
    one, other = Metrics(), Metrics()
    one.pauses.inc()
    assert "velox_pauses_total 1.0" in page(one)
    assert "velox_pauses_total 0.0" in page(other)


def test_a_partition_that_is_not_measured_shows_no_old_number() -> None:
    metrics = GroupMetrics()
    metrics.show({0: 7, 1: 8})
    metrics.show({1: 5})
    lines = [line for line in page(metrics).splitlines() if not line.startswith("#")]
    assert lines == ['velox_group_lag_records{partition="1"} 5.0']
    metrics.show({})
    assert "velox_group_lag_records{" not in page(metrics)
