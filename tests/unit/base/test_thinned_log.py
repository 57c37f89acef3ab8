"""Log lines by the thousand: so many a second pass."""

from __future__ import annotations

import logging

import pytest

from tests.unit.fakes import Clock
from velox.base.logs import ThinnedLog

log = logging.getLogger("tests.thinned")


def test_events_pass_at_their_rate(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    thinned = ThinnedLog(log, per_second=4, clock=clock)
    with caplog.at_level(logging.INFO, log.name):
        for number in range(16):
            thinned.info("event=%d", number)
            clock.advance(0.125)
    assert [record.message for record in caplog.records] == [
        f"event={number}" for number in range(0, 16, 2)
    ]


def test_a_rate_below_one_a_second(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    thinned = ThinnedLog(log, per_second=0.1, clock=clock)
    for _ in range(21):
        thinned.warning("trouble")
        clock.advance(1)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 3


def test_a_burst_passes_and_a_flood_does_not(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    thinned = ThinnedLog(log, per_second=1, burst=3, clock=clock)
    for _ in range(100):
        thinned.error("flood")
    assert len(caplog.records) == 3
    thinned.error("another kind")
    assert len(caplog.records) == 4
    clock.advance(1)
    for _ in range(100):
        thinned.error("flood")
    assert len(caplog.records) == 5
    clock.advance(100)
    for _ in range(100):
        thinned.error("flood")
    assert len(caplog.records) == 8
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
