import time

import pytest

from tests.unit.fakes import Clock, record, value
from velox.consumer.polling.lag_gauges import EVERY_S, LagGauges
from velox.consumer.polling.ledger import Ledger
from velox.monitoring.metrics import Metrics

UNKNOWN = (-1001, -1001)


class Parts:
    """Gauges of partitions 0 and 1, both assigned."""

    def __init__(self) -> None:
        self.clock, self.metrics = Clock(), Metrics()
        self.ledger = Ledger(max_images=100, max_bytes=10_000, clock=self.clock)
        self.ledger.assign([0, 1])
        self.ends = {0: (0, 10), 1: (0, 0)}
        self.starts: dict[int, int] = {}
        self.lag = LagGauges(
            ledger=self.ledger,
            metrics=self.metrics,
            watermarks=lambda partition: self.ends[partition],
            start=lambda partition, default: self.starts.get(partition, default),
            clock=self.clock,
        )

    def finish(self, offset: int, timestamp_ms: int) -> None:
        done = record(offset, epoch=self.ledger.epoch(0), timestamp_ms=timestamp_ms)
        self.ledger.admit([done])
        self.ledger.finish([done])

    def measure(self) -> int:
        self.lag.measure_when_due([0, 1])
        self.clock.advance(EVERY_S)
        return self.lag.total

    def records(self, partition: int = 0) -> float | None:
        return value(self.metrics, "velox_consumer_lag_records", partition=str(partition))

    def seconds(self, partition: int = 0) -> float | None:
        return value(self.metrics, "velox_consumer_lag_seconds", partition=str(partition))


@pytest.fixture
def parts() -> Parts:
    return Parts()


def test_lag_is_the_records_after_the_last_finished_one(parts: Parts) -> None:
    parts.finish(6, 1)
    assert parts.measure() == 3
    assert (parts.records(0), parts.records(1)) == (3, 0)


def test_before_the_first_record_it_counts_from_the_committed_offset(parts: Parts) -> None:
    parts.starts = {0: 4}
    assert parts.measure() == 6


def test_without_a_commit_it_counts_from_the_log_start(parts: Parts) -> None:
    parts.ends[0] = (8, 10)
    assert parts.measure() == 2


def test_what_has_expired_is_no_lag(parts: Parts) -> None:
    parts.starts = {0: 4}
    parts.ends[0] = (8, 10)
    assert parts.measure() == 2


def test_an_unknown_log_end_is_no_lag(parts: Parts) -> None:
    parts.ends[0] = UNKNOWN
    assert parts.measure() == 0
    assert parts.records() is None


def test_a_log_end_older_than_what_is_done_is_no_negative_lag(parts: Parts) -> None:
    parts.finish(20, 1)
    assert parts.measure() == 0
    assert parts.records() == 0


def test_seconds_are_the_age_of_the_last_finished_record(parts: Parts) -> None:
    captured_ms = int((time.time() - 30) * 1000)
    parts.finish(6, captured_ms)
    parts.measure()
    seconds = parts.seconds()
    assert seconds is not None
    assert 30 <= seconds <= time.time() - captured_ms / 1000


def test_a_timestamp_of_the_future_is_no_negative_age(parts: Parts) -> None:
    parts.finish(6, int((time.time() + 3600) * 1000))
    parts.measure()
    assert parts.seconds() == 0


def test_before_the_first_record_seconds_count_from_the_assignment(parts: Parts) -> None:
    parts.clock.advance(12)
    parts.measure()
    assert parts.seconds() == 12


def test_without_lag_seconds_are_0_however_old_the_last_record_is(parts: Parts) -> None:
    parts.finish(9, 1)
    parts.measure()
    assert parts.seconds() == 0


def test_it_is_measured_at_most_once_a_second(parts: Parts) -> None:
    assert parts.measure() == 10
    parts.clock.advance(-0.01)
    parts.ends[0] = (0, 99)
    parts.lag.measure_when_due([0])
    assert parts.lag.total == 10
    parts.clock.advance(0.01)
    parts.lag.measure_when_due([0])
    assert parts.lag.total == 99


def test_a_partition_that_is_gone_is_no_longer_shown(parts: Parts) -> None:
    parts.measure()
    parts.lag.forget([0, 7])
    assert (parts.records(0), parts.seconds(0)) == (None, None)
    assert parts.records(1) == 0


def test_a_partition_that_is_not_measured_any_more_is_not_shown(parts: Parts) -> None:
    parts.measure()
    parts.lag.measure_when_due([1])
    assert (parts.records(0), parts.seconds(0)) == (None, None)
    assert parts.records(1) == 0
    assert parts.lag.total == 0
