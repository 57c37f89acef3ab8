import pytest

from tests.unit.fakes import record, value
from velox.consumer.polling.offset_gaps import OffsetGaps
from velox.monitoring.metrics import Metrics


class Parts:
    """Gaps of partition 0, whose log starts at `log_start`."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.gaps = OffsetGaps(self.metrics)
        self.log_start = 0

    def check(self, *offsets: int, partition: int = 0) -> None:
        for offset in offsets:
            self.gaps.check(record(offset, partition=partition), lambda _partition: self.log_start)

    def reach(self, offset: int) -> None:
        self.gaps.reach(0, offset, lambda _partition: self.log_start)

    def seen(self) -> tuple[float | None, float | None, float | None]:
        """Skips, rewinds, records lost."""
        return (
            value(self.metrics, "velox_offset_gaps_total", kind="skipped"),
            value(self.metrics, "velox_offset_gaps_total", kind="rewound"),
            value(self.metrics, "velox_offset_gap_records_total"),
        )


@pytest.fixture
def parts() -> Parts:
    return Parts()


def test_consecutive_offsets_are_no_gap(parts: Parts) -> None:
    parts.gaps.expect({0: 5})
    parts.check(5, 6, 7)
    assert parts.seen() == (0, 0, 0)


def test_a_partition_without_a_commit_begins_anywhere(parts: Parts) -> None:
    parts.log_start = 100
    parts.check(100, 101)
    assert parts.seen() == (0, 0, 0)


def test_records_that_retention_took_are_counted_once(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    parts.gaps.expect({0: 5})
    parts.log_start = 20
    parts.check(20, 21)
    assert parts.seen() == (1, 0, 15)
    assert "kind=skipped partition=0 expected=5 found=20 records_lost=15" in caplog.text


def test_a_hole_in_a_log_whose_start_did_not_move_is_no_loss(parts: Parts) -> None:
    """Transaction markers and compaction leave such holes."""
    parts.check(5, 7)
    parts.log_start = 8
    parts.check(10)
    assert parts.seen() == (0, 0, 0)


def test_only_what_lies_below_the_log_start_counts_as_lost(parts: Parts) -> None:
    parts.gaps.expect({0: 5})
    parts.log_start = 8
    parts.check(10)
    assert parts.seen() == (1, 0, 3)


def test_where_the_log_start_is_unknown_the_whole_jump_counts(parts: Parts) -> None:
    parts.log_start = -1
    parts.check(5, 9)
    assert parts.seen() == (1, 0, 3)


def test_a_log_that_began_anew_is_a_rewind(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    parts.gaps.expect({0: 500})
    parts.check(0, 1)
    assert parts.seen() == (0, 1, 0)
    assert "kind=rewound partition=0 expected=500 found=0" in caplog.text


def test_partitions_are_told_apart_and_forgotten(parts: Parts) -> None:
    parts.check(5)
    parts.check(40, partition=1)
    assert (parts.gaps.start(0, -7), parts.gaps.start(1, -7)) == (6, 41)
    parts.gaps.forget([0, 9])
    assert (parts.gaps.start(0, -7), parts.gaps.start(1, -7)) == (-7, 41)
    parts.log_start = 50
    parts.check(50)
    assert parts.seen() == (0, 0, 0)


# Where no record comes.


def test_records_that_expired_are_counted_without_another_one_and_only_once(parts: Parts) -> None:
    parts.gaps.expect({0: 20})
    parts.log_start = 80
    parts.reach(80)
    assert parts.seen() == (1, 0, 60)
    parts.reach(80)
    parts.check(80, 81)
    assert parts.seen() == (1, 0, 60)


def test_an_end_past_markers_is_no_loss(parts: Parts) -> None:
    parts.check(5)
    parts.reach(8)
    parts.log_start = 8
    parts.check(8)
    assert parts.seen() == (0, 0, 0)


def test_an_end_before_what_was_read_is_a_rewind(parts: Parts) -> None:
    parts.gaps.expect({0: 5})
    parts.reach(0)
    assert parts.seen() == (0, 1, 0)
    assert parts.gaps.went_back(0)
    parts.check(0)
    assert parts.seen() == (0, 1, 0)
    parts.gaps.forget([0])
    assert not parts.gaps.went_back(0)


# A commit that is known only later.


def test_a_late_commit_is_compared_with_the_first_offset_that_was_read(parts: Parts) -> None:
    parts.log_start = 50
    parts.check(50, 51)
    parts.gaps.expect_late(0, 20, lambda _partition: parts.log_start)
    assert parts.seen() == (1, 0, 30)
    parts.check(52)
    assert parts.seen() == (1, 0, 30)


def test_a_late_commit_before_anything_was_read_is_what_is_expected(parts: Parts) -> None:
    parts.gaps.expect_late(0, 20, lambda _partition: parts.log_start)
    parts.log_start = 50
    parts.reach(50)
    assert parts.seen() == (1, 0, 30)


def test_a_jump_over_what_cannot_be_unpacked_is_a_loss(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    parts.gaps.expect({0: 5})
    parts.check(5)
    parts.gaps.unreadable(0)
    parts.check(9, 12)
    assert value(parts.metrics, "velox_offset_gaps_total", kind="unreadable") == 1
    assert parts.seen() == (0, 0, 3), "the hole after it is none"
    assert "kind=unreadable partition=0 expected=6 found=9 records_lost=3" in caplog.text


def test_what_cannot_be_unpacked_at_the_end_is_counted_there(parts: Parts) -> None:
    parts.gaps.expect({0: 5})
    parts.gaps.unreadable(0)
    parts.reach(7)
    assert parts.seen() == (0, 0, 2)
