from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from velox.base.interval import newcombe, wilson


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [
        # R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in
        # Medicine 17 (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_interval_is_that_of_worked_examples(
    right: int, count: int, low: float, high: float
) -> None:
    assert wilson(right, count) == pytest.approx((low, high), abs=5e-5)


def test_the_ends_are_where_the_score_test_turns() -> None:
    """The shares at which the finding is just 1.96 standard errors off: Wilson's definition."""
    for end in wilson(19, 25):
        assert abs(19 / 25 - end) / math.sqrt(end * (1 - end) / 25) == pytest.approx(1.96, abs=1e-3)


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        # D. G. Altman and others, "Statistics with confidence", 2nd edition, page 52.
        ((14, 0, 5, 22), 0.011, 0.226),
        # The same the other way round.
        ((14, 5, 0, 22), -0.226, -0.011),
        ((0, 0, 0, 0), -1.0, 1.0),
    ],
)
def test_the_interval_of_a_difference_is_that_of_worked_examples(
    table: tuple[int, int, int, int], low: float, high: float
) -> None:
    assert newcombe(*table) == pytest.approx((low, high), abs=5e-4)


def test_equal_answers_leave_the_less_of_a_difference_the_more_there_are() -> None:
    """With all right it is what Wilson leaves of either share."""
    assert newcombe(200, 0, 0, 0) == pytest.approx(
        (wilson(200, 200).low - 1, 1 - wilson(200, 200).low)
    )
    few, many = newcombe(90, 0, 0, 10), newcombe(900, 0, 0, 100)
    assert few.low < many.low < 0 < many.high < few.high


def test_the_interval_of_a_difference_holds_what_is_true_as_often_as_it_says() -> None:
    """19 of 20 times, by drawing: two models of 0.90 and 0.92 that err together."""
    draw = random.Random(1)
    held = 0
    for _ in range(1000):
        table = Counter(draw.choices(range(4), weights=(0.87, 0.03, 0.05, 0.05), k=300))
        interval = newcombe(*(table[each] for each in range(4)))
        held += interval.low <= 0.02 <= interval.high
    assert 930 <= held <= 975
