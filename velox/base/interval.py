"""How sure a share is that was found on a few: Wilson's interval."""

from __future__ import annotations

import math
from typing import NamedTuple

# Of the normal distribution, for 95 %.
_QUANTILE = 1.959964


class Interval(NamedTuple):
    """The shares that a finding leaves, from 0 to 1."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.4f} to {self.high:.4f}"


def wilson(right: float, count: float) -> Interval:
    """The interval of 95 % for a share of which `right` of `count` were found.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927;
    recommended for few by L. Brown, T. Cai and A. DasGupta, "Interval estimation for a binomial
    proportion", 2001. Unlike the usual one it says something where all or none are right.

    Args:
        right: from 0 to `count`; both may be fractions, where they stand for other images.
        count: 0 leaves every share.
    """
    if not count:
        return Interval(0.0, 1.0)
    square = _QUANTILE**2
    middle = (right + square / 2) / (count + square)
    spread = max(0.0, right * (count - right) / count)
    half = _QUANTILE * math.sqrt(spread + square / 4) / (count + square)
    return Interval(max(0.0, middle - half), min(1.0, middle + half))
