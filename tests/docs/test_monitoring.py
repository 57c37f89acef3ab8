"""Every metric and every alert is explained to who runs Velox."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import text
from tests.rig.rules import ALERTS, exposed_names


@pytest.mark.parametrize("name", ALERTS)
def test_alert_has_a_line(name: str) -> None:
    (line,) = re.findall(rf"^\| `{name}` \|.*$", text(), re.M)
    assert line.count(" | ") == 2, "what it means, what to do"


@pytest.mark.parametrize("name", sorted(each.removesuffix("_bucket") for each in exposed_names()))
def test_metric_has_a_line(name: str) -> None:
    known = name.removesuffix("_count").removesuffix("_sum")
    assert known.startswith("process_") or f"`{known}" in text()
