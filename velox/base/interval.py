"""How sure a share is that was found on a few, and the difference of two."""

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


def newcombe(both: int, first: int, second: int, neither: int) -> Interval:
    """The interval of 95 % for the difference of two shares that were found on the same images.

    It is that of the second share less the first, from -1 to 1. R. G. Newcombe, "Improved
    confidence intervals for the difference between binomial proportions based on paired data",
    Statistics in Medicine 17 (1998), method 10: the intervals of Wilson for each share, with the
    correlation of the two, corrected for continuity.

    Args:
        both: images that count for both shares.
        first: those that count for the first alone.
        second: those that count for the second alone.
        neither: those that count for none.
    """
    count = both + first + second + neither
    if not count:
        return Interval(-1.0, 1.0)
    share, other = (both + first) / count, (both + second) / count
    low, high = wilson(both + first, count)
    other_low, other_high = wilson(both + second, count)
    below, above = share - low, high - share
    other_below, other_above = other - other_low, other_high - other
    together = 2 * _correlation(both, first, second, neither)
    down = other_below**2 - together * other_below * above + above**2
    up = other_above**2 - together * other_above * below + below**2
    return Interval(
        other - share - math.sqrt(max(0.0, down)), other - share + math.sqrt(max(0.0, up))
    )


def _correlation(both: int, first: int, second: int, neither: int) -> float:
    """Of the two shares, by the fourfold table, corrected for continuity."""
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    if not margins:
        return 0.0
    product = float(both * neither - first * second)
    if product > 0:
        product = max(0.0, product - (both + first + second + neither) / 2)
    return product / math.sqrt(margins)
