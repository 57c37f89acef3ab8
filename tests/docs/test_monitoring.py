"""Every metric and every alert is explained to who runs Velox."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.docs.pages import text
from tests.rig.rules import ALERTS, exposed_names


def durations(alert: dict[str, Any]) -> list[str]:
    """How long an alert's condition holds before it fires, and the span that it looks at."""
    spans = (
        [alert["for"]] if "for" in alert else re.findall(r"increase\(.*?\[(\w+)\]", alert["expr"])
    )
    units = {"m": "minute", "s": "second"}
    return [f"{each[:-1]} {units[each[-1]]}" for each in spans]


@pytest.mark.parametrize("name", ALERTS)
def test_alert_has_a_line(name: str) -> None:
    (line,) = re.findall(rf"^\| `{name}` \|.*$", text(), re.M)
    assert line.count(" | ") == 2, "what it means, what to do"
    assert all(each in line for each in durations(ALERTS[name])), durations(ALERTS[name])


@pytest.mark.parametrize("name", sorted(each.removesuffix("_bucket") for each in exposed_names()))
def test_metric_has_a_line(name: str) -> None:
    known = name.removesuffix("_count").removesuffix("_sum")
    assert known.startswith("process_") or f"`{known}" in text()
