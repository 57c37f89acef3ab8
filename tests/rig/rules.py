"""The recording rules and alerts, and the metrics that they may read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.rig.yaml_text import yaml_of
from velox.monitoring.group_metrics import GroupMetrics
from velox.monitoring.metrics import Metrics
from velox.monitoring.producer_metrics import ProducerMetrics

FILE = Path(__file__).parents[2] / "prometheus.rules.yml"
(GROUP,) = yaml_of(FILE.read_text())["groups"]
RULES: list[dict[str, Any]] = GROUP["rules"]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}


def exposed_names() -> set[str]:
    """Every series name that a consumer, a producer or `lag.py` exposes."""
    suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
    return {
        family.name + suffix
        for metrics in (Metrics(), GroupMetrics(), ProducerMetrics(lambda: ()))
        for family in metrics.registry.collect()
        for suffix in suffixes[family.type]
    }
