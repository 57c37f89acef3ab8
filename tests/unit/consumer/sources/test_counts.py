"""What is counted of each source, for a bounded number of them."""

from __future__ import annotations

import pytest

from tests.unit.fakes import CAPTURED_MS, Clock, record, value
from velox.consumer.sources.counts import SourceCounts
from velox.consumer.sources.rules import Rule, Sources
from velox.monitoring.metrics import Metrics

NOW = CAPTURED_MS / 1000 + 5


class Counted:
    """Counts of at most two sources besides those that are named."""

    def __init__(self) -> None:
        self.metrics, self.clock = Metrics(), Clock(NOW)
        self.counts = SourceCounts(self.metrics, most=2, wall_clock=self.clock)

    def came(self, *names: str, outcome: str = "match", at_ms: int = CAPTURED_MS) -> None:
        self.counts.count(
            (record(key=name.encode(), timestamp_ms=at_ms), outcome) for name in names
        )

    def images(self, source: str, outcome: str = "match") -> float | None:
        labels = {"source": source, "outcome": outcome}
        return value(self.metrics, "velox_source_images_total", **labels)

    def age(self, source: str) -> float | None:
        return value(self.metrics, "velox_source_age_seconds", source=source)

    def expected(self, source: str) -> float | None:
        return value(self.metrics, "velox_source_expect_seconds", source=source)


@pytest.fixture
def counted() -> Counted:
    return Counted()


def test_each_source_and_outcome_is_counted_from_0(counted: Counted) -> None:
    counted.came("door", "yard", "door")
    counted.came("door", outcome="dead_letter")
    assert counted.images("door") == 2
    assert counted.images("door", "dead_letter") == 1
    assert counted.images("door", "no_match") == 0
    assert counted.images("yard") == 1
    assert counted.images("other") == 0


def test_beyond_the_bound_and_without_a_name_they_are_others(
    counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    counted.came("a", "b", "c", "d", "a", "other")
    counted.counts.count([(record(), "match")])
    assert [counted.images(each) for each in ("a", "b", "c", "other")] == [2, 1, None, 4]
    assert counted.age("other") is None
    (said,) = [each.getMessage() for each in caplog.records]
    assert said == (
        "more than MAX_SOURCES=2 sources: the metrics call the rest `other`, from 'c' on"
    )


def test_a_source_that_the_file_names_is_told_apart_in_any_case(counted: Counted) -> None:
    counted.came("a", "b")
    rules = {"door": Rule(expect_s=5), "gate": Rule(threshold=0.5), "yard-*": Rule(expect_s=7)}
    counted.counts.expect(Sources(rules))
    assert counted.images("gate") == 0, "it is counted from 0"
    counted.came("door", "gate", "yard-1")
    assert (counted.images("door"), counted.images("gate")) == (1, 1)
    assert counted.images("yard-1") is None
    assert counted.images("other") == 1


def test_the_age_is_that_of_the_newest_image_on_both_clocks(counted: Counted) -> None:
    counted.came("door", at_ms=CAPTURED_MS)
    counted.came("door", at_ms=CAPTURED_MS - 9000)
    assert counted.age("door") == pytest.approx(5)
    counted.clock.advance(60)
    assert counted.age("door") == pytest.approx(65)
    counted.came("door", at_ms=0)
    assert counted.age("door") == pytest.approx(0), "it has no time of its own"
    counted.came("door", at_ms=CAPTURED_MS + 10**9)
    counted.clock.advance(30)
    assert counted.age("door") == pytest.approx(30), "its clock is ahead"


def test_a_clock_that_was_ahead_for_a_moment_hides_no_silence(counted: Counted) -> None:
    day = 86_400
    counted.clock.advance(day)
    counted.came("door", "yard", at_ms=0)
    counted.clock.advance(-day)
    assert counted.age("door") == pytest.approx(0)
    counted.clock.advance(10)
    assert counted.age("door") == pytest.approx(10)
    counted.came("yard", at_ms=int((NOW + 8) * 1000))
    assert counted.age("yard") == pytest.approx(2), "not looked at before its next image"


def test_what_is_expected_is_shown_from_the_start_and_as_it_changes(counted: Counted) -> None:
    rules = {"door": Rule(expect_s=5), "yard-*": Rule(expect_s=7), "*": Rule(threshold=0.1)}
    counted.counts.expect(Sources(rules))
    assert (counted.expected("door"), counted.expected("yard-1")) == (5, None)
    assert counted.age("door") is None, "it was not heard of yet"
    counted.came("yard-1", "else")
    assert (counted.expected("yard-1"), counted.expected("else")) == (7, None)
    counted.counts.expect(Sources({"yard-1": Rule(expect_s=9)}))
    assert (counted.expected("door"), counted.expected("yard-1")) == (0, 9)
