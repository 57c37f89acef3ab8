"""How often the model is right, and how sure that is."""

from __future__ import annotations

import random

import pytest

from velox.base.accuracy import Share, figures_of
from velox.base.candidates import Tally
from velox.base.interval import wilson


def test_the_figures_are_those_of_a_confusion_matrix() -> None:
    found = figures_of(
        "m",
        [
            Tally("cat", "cat", 40),
            Tally("cat", "dog", 10),
            Tally("dog", "dog", 45),
            Tally("dog", "fox", 5),
            Tally("dog", None, 3),
        ],
    )
    assert found.accuracy == Share(85, 100)
    assert found.called == {"cat": Share(40, 50), "dog": Share(45, 50)}
    assert found.shown == {"cat": Share(40, 40), "dog": Share(45, 55), "fox": Share(0, 5)}
    assert found.unclear == 3
    assert found.accuracy.interval == wilson(85, 100)


def test_nothing_is_known_without_a_verdict() -> None:
    found = figures_of(None, [])
    assert found.accuracy == Share(0, 0)
    assert list(found.accuracy.interval) == [0, 1]
    assert found.accuracy.next_steps[0][0] == 0.1
    assert Share(0, 0).found is None


@pytest.mark.parametrize("right", [50, 85, 99, 100])
def test_so_many_more_make_the_interval_so_narrow(right: int) -> None:
    share = Share(right, 100)
    for half, more in share.next_steps:
        low, high = share.interval
        images = 100 + more
        interval = wilson(round((low + high) / 2 * images), images)
        assert interval.high - interval.low <= 2 * half * 1.02
        fewer = round(0.9 * images)
        before = wilson(round((low + high) / 2 * fewer), fewer)
        assert before.high - before.low > 2 * half * 0.99
        assert more > 0


def test_the_interval_holds_the_truth_nineteen_times_in_twenty() -> None:
    rng = random.Random(1)
    for truth in (0.8, 0.97):
        held = 0
        for _ in range(1000):
            right = sum(rng.random() < truth for _ in range(150))
            low, high = Share(right, 150).interval
            held += low <= truth <= high
        assert held >= 925
