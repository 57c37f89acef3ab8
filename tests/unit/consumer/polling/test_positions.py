import pytest

from tests.unit.fakes import Clock, record, value
from velox.consumer.polling.ledger import Ledger
from velox.consumer.polling.offset_gaps import OffsetGaps
from velox.consumer.polling.positions import EVERY_S, Positions
from velox.monitoring.metrics import Metrics


class Parts:
    """Positions of partitions 0 and 1, both assigned; the client's are in `client`."""

    def __init__(self) -> None:
        self.clock, self.metrics = Clock(), Metrics()
        self.ledger = Ledger(max_images=100, max_bytes=10_000, clock=self.clock)
        self.ledger.assign([0, 1])
        self.gaps = OffsetGaps(self.metrics)
        self.client: dict[int, int] = {}
        self.log_start = 0
        self.positions = Positions(
            ledger=self.ledger,
            gaps=self.gaps,
            position=lambda numbers: {
                each: self.client[each] for each in numbers if each in self.client
            },
            log_start=lambda _partition: self.log_start,
            clock=self.clock,
        )

    def look(self) -> None:
        self.positions.look_when_due([0, 1])
        self.clock.advance(EVERY_S)

    def read(self, *offsets: int) -> None:
        """Records of partition 0 are polled and finished."""
        for offset in offsets:
            found = record(offset, epoch=self.ledger.epoch(0))
            self.gaps.check(found, lambda _partition: self.log_start)
            self.ledger.admit([found])
            self.ledger.finish([found])

    def lost(self) -> float | None:
        return value(self.metrics, "velox_offset_gap_records_total")


@pytest.fixture
def parts() -> Parts:
    return Parts()


def test_the_position_past_a_marker_is_what_is_done(parts: Parts) -> None:
    parts.read(3, 4)
    parts.client = {0: 6}
    parts.look()
    assert parts.ledger.uncommitted() == {0: 6}
    assert parts.lost() == 0


def test_it_looks_at_most_once_a_second(parts: Parts) -> None:
    parts.look()
    parts.client = {0: 6}
    parts.clock.advance(-0.01)
    parts.positions.look_when_due([0])
    assert parts.ledger.uncommitted() == {}
    parts.clock.advance(0.01)
    parts.positions.look_when_due([0])
    assert parts.ledger.uncommitted() == {0: 6}


def test_the_end_is_where_all_is_done_and_what_expired_before_it_is_lost(parts: Parts) -> None:
    parts.gaps.expect({0: 20})
    parts.log_start = 80
    parts.positions.at_end(0, 80)
    assert parts.ledger.uncommitted() == {0: 80}
    assert parts.lost() == 60


def test_markers_that_were_read_and_expired_before_the_end_is_told_are_not_lost(
    parts: Parts,
) -> None:
    parts.read(3, 4)
    parts.client = {0: 6}
    parts.positions.at_end(0, 6)
    parts.log_start = 6
    parts.positions.at_end(0, 6)
    assert parts.lost() == 0


def test_a_position_of_before_the_log_went_back_is_not_believed(parts: Parts) -> None:
    """The client keeps the larger one, and a commit of it would pass what was never read."""
    parts.read(78, 79)
    parts.read(0, 1)
    parts.client = {0: 80}
    parts.look()
    assert parts.ledger.uncommitted() == {0: 2}
    parts.positions.at_end(0, 4)
    assert parts.ledger.uncommitted() == {0: 4}


def test_records_that_came_after_the_end_are_not_passed(parts: Parts) -> None:
    """Both come from one call, so the client is past the record when its end is told."""
    parts.read(3, 4)
    parts.client = {0: 6}
    parts.positions.at_end(0, 5)
    found = record(5, epoch=parts.ledger.epoch(0))
    parts.gaps.check(found, lambda _partition: 0)
    parts.ledger.admit([found])
    assert parts.ledger.uncommitted() == {0: 5}
    assert value(parts.metrics, "velox_offset_gaps_total", kind="rewound") == 0
    parts.ledger.finish([found])
    assert parts.ledger.uncommitted() == {0: 6}


def test_an_end_of_a_partition_that_is_gone_is_nothing(parts: Parts) -> None:
    parts.ledger.revoke([0])
    parts.positions.at_end(0, 80)
    assert parts.ledger.uncommitted() == {}
    assert parts.gaps.start(0, -7) == -7
