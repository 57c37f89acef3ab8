import json
from typing import Any

import numpy as np
import pytest

from tests.unit.fakes import Clock, detection, record, reference
from velox.monitoring.health import Health, VitalSigns
from velox.monitoring.live.matches import LatestMatches
from velox.monitoring.live.state import CURVE_S, LONGEST_TEXT, MOST_ROWS, WINDOW_S, LiveState
from velox.monitoring.metrics import Metrics
from velox.monitoring.window import Decided


class Page:
    """A live state whose seconds pass when told."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.metrics = Metrics()
        self.health = Health()
        self.matches = LatestMatches(max_pixels=1000, clock=self.clock)
        self.state = LiveState(
            metrics=self.metrics, health=self.health, matches=self.matches, clock=self.clock
        )

    def after(self, seconds: int, *, matches: int = 0, latency: float = 0.1) -> Any:
        """What the page is told after so many seconds with so many matches in each."""
        for _ in range(seconds):
            self.clock.advance(1)
            self.metrics.records.labels("match").inc(matches)
            for _ in range(matches):
                self.metrics.end_to_end.observe(latency)
            self.state.read()
        return json.loads(self.state.json)


def test_nothing_is_known_at_the_start() -> None:
    now = json.loads(Page().state.json)
    assert now["state"] == {"word": "starting", "reason": "starting"}
    assert now["latency_ms"] == {"p50": None, "p99": None}
    assert now["accuracy"] is None
    assert now["model"] == {}
    assert now["matches"] == []


def test_throughput_and_latency_are_of_the_last_seconds() -> None:
    page = Page()
    page.after(60, matches=1, latency=5.0)
    now = page.after(WINDOW_S, matches=20, latency=0.1)
    assert now["images_per_second"] == 20
    assert now["matched"] == 60 + 20 * WINDOW_S
    assert 50 < now["latency_ms"]["p50"] <= now["latency_ms"]["p99"] <= 130
    assert now["curve"] == [1.0] * 60 + [20.0] * WINDOW_S


def test_the_curve_has_an_end() -> None:
    assert len(Page().after(CURVE_S + 10)["curve"]) == CURVE_S


def test_counts_come_by_name_in_a_fixed_order_and_the_rest_as_one() -> None:
    page = Page()
    for number in range(MOST_ROWS + 3):
        page.metrics.matches.labels(f"label{number:02}").inc(100 + number)
    page.metrics.dead_letters.labels("decode", "UndecodableImage").inc(2)
    now = page.after(1)
    assert [name for name, _ in now["labels"]] == [
        *(f"label{number:02}" for number in range(3, MOST_ROWS + 3)),
        "3 others",
    ]
    assert now["labels"][-1][1] == 100 + 101 + 102
    assert now["reasons"] == [["decode: UndecodableImage", 2]]


def test_sources_that_the_page_does_not_show_cost_it_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There may be thousands, and the page reads once a second."""
    page = Page()
    for number in range(100):
        page.metrics.source_images.labels(f"source {number}", "match").inc()
    before = len(page.state.json)
    monkeypatch.setattr(page.metrics.source_images, "collect", lambda: pytest.fail("was read"))
    page.after(1, matches=1)
    assert len(page.state.json) < before + 100


def test_the_model_and_the_accuracy() -> None:
    page = Page()
    page.metrics.model_info.labels("0123456789ab", "resnet18", 96, "cpu", "int8").set(1)
    page.metrics.predictions.labels("a", "a").inc(3)
    page.metrics.predictions.labels("a", "b").inc()
    page.metrics.predictions.labels("a", "").inc(50)
    now = page.after(1)
    assert now["model"]["digest"] == "0123456789ab"
    assert (now["accuracy"], now["labelled"]) == (0.75, 4)


def test_expected_accuracy_and_drift_are_those_of_the_metrics() -> None:
    page = Page()
    assert page.after(1)["expected"] is None
    assert page.after(1)["drifts"] == []
    called = np.zeros(1000, np.int64)
    looks = np.full((1000, 3), 0.05, np.float32)
    decided = Decided.of(called, np.full(1000, 0.9, np.float32), looks)
    page.metrics.outlook.add("0123456789ab", ("a", "b"), reference(), decided)
    now = page.after(1)
    share, low, high = now["expected"]
    assert share == 0.9
    assert low < share < high
    # Surer than usual is far from usual, and no trouble.
    assert {(name, large) for name, _, large in now["drifts"]} == {
        ("confidence", False),
        *((name, True) for name in ("label mix", "brightness", "contrast", "sharpness")),
    }
    assert min(value for _, value, _ in now["drifts"]) > 0.2


def test_long_texts_of_strangers_are_clipped() -> None:
    page = Page()
    page.matches.add([(detection(label="a", truth="x" * 10**6), record())])
    (match,) = page.after(1)["matches"]
    assert match["truth"] == "x" * LONGEST_TEXT + "…"
    assert match["label"] == "a"


@pytest.mark.parametrize(
    ("poll_age", "idle", "excuse", "joined", "expected"),
    [
        (1.0, 0.0, None, False, ("starting", "waiting for the group to assign partitions")),
        (1.0, 9.0, None, True, ("running", "")),
        (1.0, 0.1, "waiting for mongodb", True, ("running", "")),
        (1.0, 9.0, "waiting for mongodb", True, ("waiting", "waiting for mongodb")),
        (1.0, 9.0, "waiting for the broker", False, ("waiting", "waiting for the broker")),
        (99.0, 9.0, None, True, ("stuck", "the poll loop has been stuck for 99 s")),
    ],
)
def test_the_state_in_a_word(
    poll_age: float, idle: float, excuse: str | None, joined: bool, expected: tuple[str, str]
) -> None:
    page = Page()
    page.health.look_at(
        VitalSigns(
            poll_age=lambda: poll_age,
            idle=lambda: idle,
            excuse=lambda: excuse,
            joined=lambda: joined,
        )
    )
    state = page.after(1)["state"]
    assert (state["word"], state["reason"]) == expected
