import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.waiting import eventually
from tests.unit.fakes import CAPTURED_MS, Clock, Removals, record, value
from velox.consumer import sweeper as module
from velox.consumer.sweeper import DAY_S, Sweeper
from velox.monitoring.metrics import Metrics
from velox.stores import sweep
from velox.stores.gone import Gone
from velox.stores.image_names import file_name
from velox.stores.removal import HOLDINGS
from velox.stores.sweep import STEP

NOW_S = CAPTURED_MS / 1000
LIMIT_S = 30


class Parts:
    """A sweeper with stand-ins around it, of one day unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metrics, self.clock, self.wall = Metrics(), Clock(), Clock(NOW_S)
        self.removal = Removals()
        self.gone = Gone(folder, writer="one", topic="image_data")
        self.made: list[Sweeper] = []

    def start(self, days: float = 1.0) -> Sweeper:
        made = Sweeper(
            removal=self.removal,
            gone=self.gone,
            folder=self.folder,
            keep_s=days * DAY_S,
            wall_clock=self.wall,
            clock=self.clock,
        )
        self.made.append(made)
        made.start(self.metrics)
        return made

    def swept(self, what: str) -> float | None:
        return value(self.metrics, "velox_swept_total", what=what)

    @property
    def age(self) -> float | None:
        return value(self.metrics, "velox_sweep_age_seconds")


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    monkeypatch.setattr(module, "SETTLE_EVERY_S", 0.01)
    made = Parts(tmp_path)
    yield made
    for each in made.made:
        each.close()


def test_what_is_older_than_so_many_days_goes_at_once(parts: Parts) -> None:
    old = record(1, timestamp_ms=CAPTURED_MS - int(2 * DAY_S * 1000))
    for each in (old, record(2)):
        (parts.folder / file_name(each)).write_bytes(b"")
    parts.removal.overdue = {"shapes_found": 3, "review": 2}
    parts.start()
    eventually(lambda: parts.swept("review") == 2, LIMIT_S, "swept")
    assert (parts.swept("files"), parts.swept("shapes_found")) == (1, 3)
    assert os.listdir(parts.folder) == [file_name(record(2))]
    assert set(parts.removal.moments) == {CAPTURED_MS - int(DAY_S * 1000)}


def test_it_is_done_again_after_a_minute(parts: Parts) -> None:
    parts.start()
    eventually(lambda: len(parts.removal.steps) == len(HOLDINGS), LIMIT_S, "a sweep of all")
    parts.clock.advance(59)
    parts.removal.overdue["shapes_found"] = 1
    parts.gone.remove(["image_data-0-1-2.jpg"])
    eventually(lambda: parts.removal.cleared, LIMIT_S, "another step")
    assert len(parts.removal.steps) == len(HOLDINGS)
    parts.clock.advance(1)
    eventually(lambda: parts.swept("shapes_found") == 1, LIMIT_S, "the next sweep")


def test_nothing_goes_by_age_without_a_limit(parts: Parts) -> None:
    """Documents follow their files all the same."""
    parts.removal.overdue["shapes_found"] = 1
    parts.start(days=0)
    parts.gone.remove(["image_data-0-1-2.jpg"])
    eventually(lambda: parts.removal.cleared == ["image_data:0:1:2"], LIMIT_S, "told")
    assert parts.removal.steps == []
    parts.clock.advance(100)
    assert parts.age == 0


def test_how_long_ago_nothing_too_old_was_left_is_told(parts: Parts) -> None:
    parts.start()
    eventually(lambda: len(parts.removal.steps) == len(HOLDINGS), LIMIT_S, "a sweep")
    parts.clock.advance(50)
    assert parts.age == 50
    parts.removal.away = True
    parts.clock.advance(3600)
    assert parts.age == 3650
    parts.removal.away = False
    parts.clock.advance(60)
    eventually(lambda: parts.age == 0, LIMIT_S, "a sweep that came to its end")


def test_a_store_that_fails_is_said_once_and_asked_again(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    parts.removal.away = True
    with caplog.at_level(logging.WARNING):
        parts.start()
        parts.gone.remove(["image_data-0-1-2.jpg"])
        eventually(lambda: "trying again later" in caplog.text, LIMIT_S, "said")
    parts.removal.away = False
    eventually(lambda: parts.removal.cleared, LIMIT_S, "told")
    assert caplog.text.count("trying again later") <= 2


def test_a_long_sweep_does_not_hold_up_what_is_removed_meanwhile(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "SHARE", 1)
    parts.removal.overdue["shapes_found"] = 3 * STEP

    def look() -> None:
        if not parts.removal.seen:
            parts.gone.remove(["image_data-0-1-2.jpg"])
        if parts.removal.overdue["shapes_found"] == STEP:
            assert parts.removal.cleared == ["image_data:0:1:2"]

    parts.removal.look = look
    parts.start()
    eventually(lambda: parts.swept("shapes_found") == 3 * STEP, LIMIT_S, "swept")


def test_at_the_end_the_store_is_told_what_was_removed_last(parts: Parts) -> None:
    made = parts.start(days=0)
    made._periodic.close(LIMIT_S)
    parts.gone.remove(["image_data-0-1-2.jpg"])
    made.close()
    assert parts.removal.cleared == ["image_data:0:1:2"]
    assert parts.removal.closed


def test_a_store_that_hangs_does_not_hold_up_the_end(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "END_LIMIT_S", 0.05)
    made = parts.start(days=0)
    made._periodic.close(LIMIT_S)
    hanging = made._periodic._one
    with hanging:
        made.close()
    assert parts.removal.closed
