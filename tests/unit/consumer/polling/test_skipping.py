import logging
from collections.abc import Mapping

import pytest

from tests.unit.fakes import CAPTURED_MS, Clock, record, value
from velox.base.freshness import ALWAYS_FRESH, Freshness
from velox.consumer.polling.ledger import Ledger
from velox.consumer.polling.offset_gaps import OffsetGaps
from velox.consumer.polling.skipping import EVERY_S, Skipping
from velox.consumer.polling.unreadable import UnreadableBatches
from velox.monitoring.metrics import Metrics

FRESH_MS, OLD_MS = CAPTURED_MS, CAPTURED_MS - 60_000
MAX_AGE_S = 10.0


class Parts:
    """Partitions 0 and 1, both assigned.

    Attributes:
        ends: what the broker would answer.
        asked: the questions.
        sought: where the client was told to read.
        fetched: whether it does.
    """

    def __init__(self, freshness: Freshness | None = None) -> None:
        self.metrics, self.clock = Metrics(), Clock()
        self.ledger = Ledger(max_images=100, max_bytes=10**6)
        self.ledger.assign([0, 1])
        self.gaps = OffsetGaps(self.metrics)
        self.ends: dict[int, int] = {}
        self.asked: list[Mapping[int, int]] = []
        self.sought: list[tuple[int, int]] = []
        self.fetched, self.log_start = True, 0
        self.unreadable = UnreadableBatches(lambda *_: None, lambda _: 1000)
        self.skipping = Skipping(
            freshness or Freshness(MAX_AGE_S, wall_clock=Clock(FRESH_MS / 1000)),
            self._answer,
            ledger=self.ledger,
            gaps=self.gaps,
            unreadable=self.unreadable,
            seek=self._seek,
            log_start=lambda _: self.log_start,
            metrics=self.metrics,
            clock=self.clock,
        )

    def _answer(self, begins: Mapping[int, int]) -> Mapping[int, int]:
        self.asked.append(begins)
        return {number: end for number, end in self.ends.items() if number in begins}

    def _seek(self, number: int, offset: int) -> bool:
        self.sought.append((number, offset))
        return self.fetched

    def poll(self, *offsets: int, timestamp_ms: int = OLD_MS, number: int = 0) -> None:
        """Records are polled and finished."""
        epoch = self.ledger.epoch(number)
        for offset in offsets:
            one = record(offset, partition=number, epoch=epoch, timestamp_ms=timestamp_ms)
            self.gaps.check(one, lambda _: self.log_start)
            self.ledger.admit([one])
            self.skipping.saw([one])
            self.ledger.finish([one])

    def turn(self) -> None:
        self.clock.advance(EVERY_S)
        self.skipping.look()
        self.skipping.skip()

    def skipped(self) -> float | None:
        return value(self.metrics, "velox_skipped_offsets_total")


@pytest.fixture
def parts() -> Parts:
    return Parts()


def test_far_behind_it_reads_on_where_the_fresh_begin(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    parts.ends = {0: 700}
    parts.poll(3, 4)
    with caplog.at_level(logging.WARNING):
        parts.turn()
    assert parts.asked == [{0: 5}]
    assert parts.sought == [(0, 700)]
    assert parts.skipped() == 695
    assert "skipped, older than MAX_AGE_S partition=0 from=5 to=700 offsets=695" in caplog.text
    assert parts.ledger.uncommitted() == {0: 700}, "nothing is in flight before it"
    parts.poll(700, timestamp_ms=FRESH_MS)
    assert value(parts.metrics, "velox_offset_gaps_total", kind="skipped") == 0, "it is no loss"
    assert parts.ledger.uncommitted() == {0: 701}


def test_it_asks_once_and_again_only_when_more_old_ones_come(parts: Parts) -> None:
    parts.ends = {0: 700}
    parts.poll(3)
    for _ in range(3):
        parts.turn()
    assert len(parts.asked) == 1
    parts.ends = {0: 2000}
    parts.poll(700)
    parts.turn()
    assert parts.sought == [(0, 700), (0, 2000)]
    assert parts.skipped() == 696 + 1299


def test_it_asks_at_most_once_a_second(parts: Parts) -> None:
    parts.poll(3)
    parts.skipping.look()
    parts.poll(4)
    parts.skipping.look()
    assert parts.asked == [{0: 4}]
    parts.clock.advance(EVERY_S)
    parts.skipping.look()
    assert parts.asked == [{0: 4}, {0: 5}]


def test_whoever_has_caught_up_is_not_behind(parts: Parts) -> None:
    parts.poll(3)
    parts.poll(4, timestamp_ms=FRESH_MS)
    parts.turn()
    assert parts.asked == []


def test_what_was_read_meanwhile_is_not_skipped(parts: Parts) -> None:
    parts.ends = {0: 700}
    parts.poll(3)
    parts.skipping.look()
    parts.poll(*range(4, 11))
    parts.skipping.skip()
    assert parts.skipped() == 689
    parts.ends = {0: 5}
    parts.poll(700)
    parts.turn()
    assert parts.sought == [(0, 700)], "never back"


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_partition_with_a_record_without_time_is_read_through(parts: Parts, when: str) -> None:
    parts.ends = {0: 700, 1: 500}
    if when == "before":
        parts.poll(2, timestamp_ms=0)
    parts.poll(3)
    parts.poll(8, number=1)
    parts.skipping.look()
    if when == "meanwhile":
        parts.poll(4, timestamp_ms=0)
    parts.skipping.skip()
    assert parts.sought == [(1, 500)]
    parts.ledger.assign([0])
    parts.poll(5)
    parts.turn()
    assert parts.sought[1:] == [(0, 700)], "another assignment begins anew"


def test_an_answer_for_an_earlier_assignment_counts_no_more(parts: Parts) -> None:
    parts.ends = {0: 700, 1: 500}
    parts.poll(3)
    parts.poll(3, number=1)
    parts.skipping.look()
    parts.ledger.revoke([0])
    parts.ledger.assign([1])
    parts.skipping.skip()
    assert parts.sought == []
    parts.poll(4, number=1)
    parts.ledger.revoke([1])
    parts.turn()
    assert len(parts.asked) == 1, "what others have is not asked for"


def test_while_the_end_of_an_unreadable_batch_is_looked_for_it_stays(parts: Parts) -> None:
    parts.ends = {0: 700}
    parts.poll(3)
    parts.unreadable.failed(0, 4)
    parts.turn()
    assert parts.sought == []


def test_where_the_client_cannot_seek_yet_nothing_is_skipped(parts: Parts) -> None:
    parts.ends, parts.fetched = {0: 700}, False
    parts.poll(3)
    parts.turn()
    assert parts.skipped() == 0
    parts.poll(4)
    assert parts.ledger.uncommitted() == {0: 5}


def test_what_retention_took_before_is_a_loss_and_not_skipped(parts: Parts) -> None:
    parts.ends, parts.log_start = {0: 700}, 0
    parts.poll(3)
    parts.log_start = 300
    parts.turn()
    assert parts.skipped() == 400
    assert value(parts.metrics, "velox_offset_gap_records_total") == 296


def test_the_commit_waits_for_what_is_in_flight_before(parts: Parts) -> None:
    parts.ends = {0: 700}
    one = record(3, epoch=parts.ledger.epoch(0), timestamp_ms=OLD_MS)
    parts.gaps.check(one, lambda _: 0)
    parts.ledger.admit([one])
    parts.skipping.saw([one])
    parts.turn()
    assert parts.skipped() == 696
    assert parts.ledger.uncommitted() == {}
    parts.ledger.finish([one])
    assert parts.ledger.uncommitted() == {0: 700}


def test_without_a_limit_nobody_is_asked() -> None:
    parts = Parts(ALWAYS_FRESH)
    parts.poll(3, timestamp_ms=1)
    parts.turn()
    assert parts.asked == []
