from __future__ import annotations

import math

import pytest

from velox.base.interval import wilson


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
