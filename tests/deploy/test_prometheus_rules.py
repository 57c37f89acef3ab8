"""The recording rules and alerts: valid, tested one by one, and made of metrics that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.rig.prometheus import promtool
from tests.rig.rules import ALERTS, RULES, exposed_names
from tests.rig.yaml_text import yaml_of
from velox.base.reference import SIGNALS
from velox.monitoring.drift import LARGE
from velox.monitoring.outlook import LABEL_MIX

ROOT = Path(__file__).parents[2]
RULES_TESTS = Path(__file__).with_name("prometheus.rules.test.yml")
METRIC = re.compile(r"\b(?:velox_|target_shapes|batch_avg)\w+(?!\w*:)")


def test_promtool_accepts_the_configuration_and_its_rules() -> None:
    promtool("check", "config", ROOT / "prometheus.yml")


def test_promtool_unit_tests_pass() -> None:
    promtool("test", "rules", RULES_TESTS)


@pytest.mark.parametrize("name", ALERTS)
def test_alert_is_seen_to_fire_and_seen_to_stay_quiet(name: str) -> None:
    cases = [
        bool(case.get("exp_alerts"))
        for test in yaml_of(RULES_TESTS.read_text())["tests"]
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


def test_a_drift_is_large_in_the_rules_where_it_is_on_the_page() -> None:
    text = (ROOT / "prometheus.rules.yml").read_text()
    bars = re.findall(r'velox_drift\{signal="(\w+)"\} > ([\d.]+)', text)
    assert {float(bar) for _, bar in bars} == {LARGE}
    assert {signal for signal, _ in bars} == {LABEL_MIX, *SIGNALS}
