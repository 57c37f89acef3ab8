"""What became of the images of one source."""

from __future__ import annotations

from tests.unit.fakes import Clock
from velox.producer.tally import Tally


def test_it_counts_what_comes_and_what_is_answered() -> None:
    clock = Clock(10.0)
    tally = Tally(clock)
    assert (tally.last_read, tally.last_acknowledged) == (None, None)
    tally.came()
    tally.handed_on(7)
    clock.advance(2)
    tally.answered((0, 1))
    clock.advance(2)
    tally.answered(None)
    assert (tally.read, tally.sent, tally.sent_bytes) == (1, 1, 7)
    assert (tally.acknowledged, tally.failed) == (1, 1)
    assert (tally.last_read, tally.last_acknowledged) == (10.0, 12.0)
