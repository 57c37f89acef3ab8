"""What the live page holds in a real browser: large figures, long labels, whole."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.rig import pictures
from tests.rig.browser import DESKTOP, PHONE, Browser
from tests.rig.waiting import eventually
from tests.unit.fakes import detection, record, reference
from velox.monitoring.health import Health
from velox.monitoring.live.page import LivePage
from velox.monitoring.metrics import Metrics
from velox.monitoring.server import serving
from velox.monitoring.window import RIGHT, Decided

LIMIT_S = 30
LAPTOP = (1366, 768)
LONG = "scratched_housing_left_of_the_cable_gland"
NONE = "\N{EN DASH}"
SIGNALS = ["label mix", "confidence", "brightness", "contrast", "sharpness"]

# The elements whose text is wider or higher than they are, or lies outside of them.
CUT = """
    const places = document.querySelectorAll(
      ".figure, .figure h2, .number, .note, #drifts li, .label, .truth, .name, .confidence");
    return [...places].filter((each) =>
      each.checkVisibility({ visibilityProperty: true }) &&
      (each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 1))
      .filter((each) => getComputedStyle(each).display !== "inline")
      .map((each) => `${each.id || each.className}: ${each.innerText}`);
"""
BESIDE = "return document.documentElement.scrollWidth <= innerWidth"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A page of figures as large as they come, and of labels as long."""
    metrics = Metrics()
    page = LivePage(metrics, Health(), max_pixels=10**6)
    labels = (LONG, f"{LONG}_of_the_other_machine")
    metrics.records.labels("match").inc(12_345_678)
    metrics.records.labels("dead_letter").inc(9_876_543)
    metrics.dead_letters.labels("infer", "AnErrorWithARatherLongName").inc(9_876_543)
    metrics.lag.labels("0").set(9_999_999)
    for seconds in (0.9, 800.0):
        metrics.end_to_end.observe(seconds)
    for label in labels:
        metrics.matches.labels(label).inc(6_172_839)
        metrics.predictions.labels(label, label).inc(6_172_839)
    metrics.outlook.add("0123456789ab", labels, reference(), all_right(2000))
    page.matches.add(
        [
            (detection(number, label=LONG, truth=LONG[::-1]), record(value=pictures.encoded(1)))
            for number in range(24)
        ]
    )
    with serving(page.routes(), address="127.0.0.1", port=0) as address:
        yield address
    page.close()


def all_right(count: int) -> Decided:
    """Images that are all called the same, with all confidence, and are as dark as can be."""
    return Decided(
        np.zeros(count, np.int64),
        np.ones(count, np.float32),
        np.zeros((count, 3), np.float32),
        np.full(count, RIGHT, np.int8),
    )


@pytest.mark.parametrize("size", [DESKTOP, LAPTOP, PHONE], ids=["desktop", "laptop", "phone"])
def test_nothing_is_cut_or_overflows(address: str, window: Browser, size: tuple[int, int]) -> None:
    window.resize(size)
    window.open(f"{address}/")
    eventually(lambda: window.text("#accuracy") == "100.0 %", LIMIT_S, "the figures")
    assert window.run(CUT) == []
    assert window.run(BESIDE)
    assert set(window.texts("#wall .label")) == {LONG}
    assert window.text("#labels .name").startswith(LONG)


def test_expected_accuracy_and_drift_are_seen_at_a_glance(address: str, window: Browser) -> None:
    window.resize(DESKTOP)
    window.open(f"{address}/")
    eventually(lambda: window.text("#expected") == "100.0 %", LIMIT_S, "the figures")
    # Of 2,000 images and 1,000 unseen ones, as 667: Wilson's lower end is 1 / (1 + 1.96² / 667).
    assert window.text("#interval") == "99.4 to 100.0 %"
    assert window.text("#drifted") == "label mix and 3 more"
    shown = [each.rpartition(" ")[0] for each in window.texts("#drifts li")]
    assert shown == SIGNALS
    # The model is surer than usual, which is no trouble.
    large = [each.rpartition(" ")[0] for each in window.texts("#drifts li.large")]
    assert large == [each for each in SIGNALS if each != "confidence"]
    assert window.text("#unknown") == "0"


def test_what_is_not_known_is_not_shown(window: Browser) -> None:
    page = LivePage(Metrics(), Health(), max_pixels=10**6)
    with serving(page.routes(), address="127.0.0.1", port=0) as address:
        window.open(f"{address}/")
        eventually(lambda: window.text("#word") == "starting", LIMIT_S, "the page")
        assert window.text("#expected") == NONE
        assert window.text("#drifted") == NONE
        assert window.texts("#drifts li") == []
    page.close()
