"""The lane: what it shows, what it drops, and what it never does to the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.rig.waiting import eventually
from tests.unit.consumer.shadow.stand_ins import LIMIT_S, Other, batch, shadow_of, shown
from tests.unit.fakes import Clock, FakeEngine, value
from velox.base.errors import StoreRefuses
from velox.consumer.shadow import lane as lane_module
from velox.consumer.shadow.comparison import Shadow
from velox.consumer.shadow.lane import MOST_AT_ONCE, SHARE, Lane, rest_after
from velox.consumer.stages.decoder import Decoder
from velox.monitoring.metrics import Metrics
from velox.monitoring.shadow_metrics import COMPARISON


class Kept:
    """Stands for `Candidates`."""

    def __init__(self, error: Exception | None = None) -> None:
        self.disagreements: list[tuple[str, str]] = []
        self.error = error

    def keep_disagreements(self, engine: Any, sources: Any, decided: Any) -> None:
        if self.error is not None:
            raise self.error
        self.disagreements += [(str(each.offset), engine.digest) for each, _ in decided]


class Parts:
    """A lane at work."""

    def __init__(self, decoder: Decoder, kept: Kept | None = None) -> None:
        self.metrics = Metrics()
        # However long a turn takes, it does not rest for many times as long.
        self.lane = Lane(self.metrics.shadow, kept, clock=Clock())  # type: ignore[arg-type]
        self.decoder = decoder
        self.other = Other(wrong=[91])

    def try_(self, **what: Any) -> Shadow:
        shadow = shadow_of(self.other, self.decoder, self.metrics, **what)
        self.lane.try_out(shadow)
        return shadow


@pytest.fixture
def parts(decoder: Decoder) -> Iterator[Parts]:
    made = Parts(decoder)
    made.lane.start()
    yield made
    made.other.held.set()
    made.lane.close()
    made.lane._thread.join(LIMIT_S)
    assert not made.lane._thread.is_alive()


def test_a_busy_lane_drops_and_never_waits(parts: Parts) -> None:
    shadow = parts.try_()
    parts.other.held.clear()
    parts.lane.offer(batch([94]), ())
    assert parts.other.asked.wait(LIMIT_S)
    for _ in range(5):
        parts.lane.offer(batch([92, 93]), ())
    assert value(parts.metrics, "velox_shadow_dropped_total") == 8, "one batch waits"
    parts.other.held.set()
    eventually(lambda: shadow.figures.images == 3, LIMIT_S, "all that was taken")
    assert parts.lane.offered == 11


def test_without_a_shadow_nothing_is_held_or_counted(parts: Parts) -> None:
    for _ in range(5):
        parts.lane.offer(batch([94]), ())
    assert value(parts.metrics, "velox_shadow_dropped_total") == 0
    assert parts.lane._waiting.empty()


def test_a_trial_sees_as_many_images_as_it_is_to_and_no_more(parts: Parts) -> None:
    shadow = parts.try_(most=5)
    parts.lane.offer(batch([94, 92, 93]), ())
    eventually(lambda: shadow.figures.images == 3, LIMIT_S, "the first")
    parts.lane.offer(batch([94, 92, 93]), ())
    eventually(lambda: shadow.left < 1, LIMIT_S, "enough")
    assert shadow.figures.images == 5
    assert parts.lane.shadow is None


def test_of_a_large_batch_the_first_few_are_seen_and_the_others_counted(parts: Parts) -> None:
    shadow = parts.try_()
    parts.lane.offer(batch([94] * (MOST_AT_ONCE + 3)), ())
    eventually(lambda: shadow.figures.images == MOST_AT_ONCE, LIMIT_S, "one turn")
    assert value(parts.metrics, "velox_shadow_dropped_total") == 3


def test_a_trial_goes_before_a_comparison(parts: Parts) -> None:
    comparison = shadow_of(Other(), parts.decoder, parts.metrics, role=COMPARISON)
    parts.lane.compare(comparison)
    trial = parts.try_(most=1)
    assert parts.lane.shadow is trial
    trial.see(shown(batch([94])))
    assert parts.lane.shadow is comparison


@pytest.mark.parametrize("error", [None, StoreRefuses("a view"), RuntimeError("away")])
def test_disagreements_go_to_review_and_what_hinders_that_ends_nothing(
    decoder: Decoder, error: Exception | None
) -> None:
    kept = Kept(error)
    parts = Parts(decoder, kept)
    parts.lane.start()
    shadow = parts.try_()
    parts.lane.offer(batch([94, 91]), ())
    eventually(lambda: shadow.figures.images == 2, LIMIT_S, "two")
    parts.lane.offer(batch([91]), ())
    eventually(lambda: shadow.figures.images == 3, LIMIT_S, "three")
    parts.lane.close()
    parts.lane._thread.join(LIMIT_S)
    expected = [] if error else [("91", FakeEngine.digest)] * 2
    assert kept.disagreements == expected


def test_after_each_turn_it_rests_so_long_that_it_takes_no_more_than_its_share(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([100.0, 100.5])
    parts = Parts(decoder)
    lane = Lane(parts.metrics.shadow, clock=lambda: next(times))
    rests: list[float] = []
    monkeypatch.setattr(lane._stop, "wait", rests.append)
    lane._turn(parts.try_(), shown(batch([94])))
    assert rests == [pytest.approx(0.5 * 19)]
    assert 0.5 / (0.5 + rest_after(0.5)) == pytest.approx(SHARE)
    assert lane_module.SHARE <= 0.05
