"""The recording rules and alerts: valid, tested one by one, and made of metrics that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rig.prometheus import promtool
from tests.rig.readme import README
from velox.metrics import Metrics

ROOT = Path(__file__).parents[2]
RULES_TESTS = Path(__file__).with_name("prometheus.rules.test.yml")
(GROUP,) = yaml.safe_load((ROOT / "prometheus.rules.yml").read_text())["groups"]
RULES: list[dict[str, Any]] = GROUP["rules"]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
METRIC = re.compile(r"\b(?:velox_|target_shapes|batch_avg)\w+(?!\w*:)")


def exposed_names() -> set[str]:
    """Every series name that a consumer exposes."""
    metrics = Metrics()
    suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
    return {
        "velox_group_lag_records",  # of lag.py
        *(
            family.name + suffix
            for family in metrics.registry.collect()
            for suffix in suffixes[family.type]
        ),
    }


def test_promtool_accepts_the_configuration_and_its_rules() -> None:
    promtool("check", "config", ROOT / "prometheus.yml")


def test_promtool_unit_tests_pass() -> None:
    promtool("test", "rules", RULES_TESTS)


@pytest.mark.parametrize("name", ALERTS)
def test_alert_is_seen_to_fire_and_seen_to_stay_quiet(name: str) -> None:
    cases = [
        bool(case.get("exp_alerts"))
        for test in yaml.safe_load(RULES_TESTS.read_text())["tests"]
        for case in test.get("alert_rule_test", [])
        if case["alertname"] == name
    ]
    assert set(cases) == {True, False}


@pytest.mark.parametrize("name", ALERTS)
def test_alert_says_what_happened_and_what_to_do(name: str) -> None:
    alert = ALERTS[name]
    assert re.fullmatch(r"Velox[A-Z][A-Za-z]+", name)
    assert alert["labels"]["severity"] in {"warning", "critical"}
    assert set(alert["annotations"]) == {"summary", "description"}


@pytest.mark.parametrize("name", ALERTS)
def test_alert_has_a_line_in_the_readme(name: str) -> None:
    (line,) = re.findall(rf"^\| `{name}` \|.*$", README.read_text(), re.M)
    assert line.count(" | ") == 2, "what it means, what to do"


@pytest.mark.parametrize("name", sorted(each.removesuffix("_bucket") for each in exposed_names()))
def test_metric_is_in_the_readme(name: str) -> None:
    known = name.removesuffix("_count").removesuffix("_sum")
    assert known.startswith("process_") or f"`{known}" in README.read_text()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_rule_reads_only_metrics_that_a_consumer_exposes(rule: dict[str, Any]) -> None:
    recorded = {each["record"] for each in RULES if "record" in each}
    read = set(METRIC.findall(re.sub(r"velox:\w+:\w+", "", rule["expr"])))
    assert read <= exposed_names() | recorded
    assert read or "up{" in rule["expr"] or "velox:" in rule["expr"]


def test_recording_rule_names_say_what_they_hold() -> None:
    """`target_shapes_found` is promised to users; the others are level:metric:operation."""
    names = {rule["record"] for rule in RULES if "record" in rule}
    assert "target_shapes_found" in names
    assert all(re.fullmatch(r"velox:\w+:\w+", name) for name in names - {"target_shapes_found"})
