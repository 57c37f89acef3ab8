"""Which rule a source has, and what it says."""

from __future__ import annotations

import pytest

from tests.unit.fakes import record
from velox.consumer.sources import rules
from velox.consumer.sources.rules import MOST_REMEMBERED, NO_RULES, Rule, Sources
from velox.images.cropping import Crop

DOOR = Rule(threshold=0.5, expect_s=10)
LINE = Rule(of_label={"defect": 0.55}, crop=Crop(left=0.5))
OTHERS = Rule(targets=frozenset({"defect"}), expect_s=60)
SOURCES = Sources({"door": DOOR, "line-*": LINE, "*": OTHERS})


@pytest.mark.parametrize(
    ("name", "rule"), [("door", DOOR), ("line-7", LINE), ("doors", OTHERS), ("", None)]
)
def test_the_first_that_fits_counts(name: str, rule: Rule | None) -> None:
    for _ in range(2):
        assert SOURCES.of(record(key=name.encode())) is rule
        assert SOURCES.of(record(headers=(("source", name.encode()),))) is rule


def test_a_record_of_no_source_has_no_rule() -> None:
    assert SOURCES.of(record()) is None
    assert SOURCES.crop_of(record()) is None
    assert NO_RULES.of(record(key=b"door")) is None


@pytest.mark.parametrize(
    ("rule", "label", "threshold"),
    [
        (Rule(), "defect", 0.9),
        (Rule(threshold=0.5), "defect", 0.5),
        (Rule(of_label={"defect": 0.0}), "defect", 0.0),
        (Rule(of_label={"defect": 0.6}), "good", 0.9),
        (Rule(threshold=0.5, of_label={"defect": 0.6}), "good", 0.5),
    ],
)
def test_a_label_has_the_threshold_that_says_most_of_it(
    rule: Rule, label: str, threshold: float
) -> None:
    assert rule.threshold_of(label, 0.9) == threshold


def test_the_thresholds_of_all_sources_are_each_told_once() -> None:
    labels, usual = ("good", "defect"), (0.9, 0.8)
    assert NO_RULES.thresholds(labels, usual) == ()
    assert SOURCES.thresholds(labels, usual) == ((0.5, 0.5), (0.9, 0.55))
    same = Sources({"a": Rule(threshold=0.5), "b": DOOR, "c": Rule(of_label={"defect": 0.8})})
    assert same.thresholds(labels, usual) == ((0.5, 0.5),)


def test_only_single_sources_are_known_before_they_are_heard_of() -> None:
    assert Sources({"door": Rule(), "line-*": LINE, "*": Rule()}).named == ["door"]


def test_names_that_senders_make_up_fill_no_memory() -> None:
    sources = Sources({"line-*": LINE})
    for number in range(MOST_REMEMBERED + 10):
        assert sources.of(record(key=f"{number}".encode())) is None
        assert len(sources._found) <= MOST_REMEMBERED
    assert sources.of(record(key=b"line-1")) is LINE


def test_a_source_is_remembered_however_many_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = Sources({"line-*": LINE})
    for number in range(MOST_REMEMBERED):
        sources.of_name(f"{number}")
    assert sources.of_name("line-1") is LINE
    monkeypatch.setattr(rules, "fits", None)
    assert sources.of_name("line-1") is LINE, "no pattern is asked again"
