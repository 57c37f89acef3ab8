from __future__ import annotations

import io

import pytest

from velox.base.terminal import Progress
from velox.training.time_left import TimeLeft, in_words


def test_the_time_left_is_known_from_the_first_step_on() -> None:
    now = 100.0
    left = TimeLeft(4, lambda: now)
    now += 10
    assert left.after(5, 10) == "1 min left", "a half of one epoch of four took 10 s"
    now += 10
    assert left.after(10, 10) == "1 min left"
    now += 10
    assert left.after_epoch() == "2 min left", "with its judgement the epoch took 30 s"
    now += 30
    assert left.after(10, 10) == "1 min left"
    assert left.after_epoch() == "1 min left"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (59.4, "59 s"), (200, "3 min"), (3900, "1 h 5 min")]
)
def test_durations_are_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_it_stands_behind_the_progress() -> None:
    shown = io.StringIO()
    Progress(shown).show("epoch 1/4", 5, 10, "1 min left")
    assert shown.getvalue() == "epoch 1/4      5/10, 1 min left\n"
