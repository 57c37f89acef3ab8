"""How far what comes is from what is usual, beyond what chance does.

The population stability index alone grows as a sample shrinks: of a few images some bins are empty
by chance. So what it would hardly ever exceed without any change is subtracted, and a few images
tell of a large change only.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]

# From here on a drift is one to act on. Siddiqi (see `stability_index`) says 0.25, of the index
# from which nothing is subtracted.
LARGE = 0.2
# Of the normal distribution, for one look in ten thousand.
_QUANTILE = 3.7190
# What every bin has more, so that an empty one has a share too (R. E. Krichevsky and V. K.
# Trofimov, "The performance of universal encoding", 1981).
_AHEAD = 0.5


def stability_index(usual: Shares, now: Shares) -> float:
    """The population stability index of two distributions over the same bins, from 0.

    The sum of `(now - usual) * ln(now / usual)`: E. M. Lewis, "An Introduction to Credit Scoring",
    1992; N. Siddiqi, "Credit Risk Scorecards", 2006, which takes 0.1 to 0.25 for a change that is
    worth a look, and more for a large one. It is the divergence of H. Jeffreys, 1948.

    Args:
        usual: shares above 0 that add up to 1, float64 [B].
        now: the same.
    """
    return float(((now - usual) * np.log(now / usual)).sum())


def chance(bins: int, usual: int, now: int) -> float:
    """What the index of two samples of one distribution exceeds in one of ten thousand pairs.

    It is distributed as chi-squared with `bins - 1` degrees of freedom, times
    `1 / usual + 1 / now`: B. Yurdakul, "Statistical Properties of Population Stability Index",
    2018.

    Args:
        bins: at least 1.
        usual: the size of one sample, at least 1.
        now: that of the other.
    """
    return chi_squared(bins - 1) * (1 / usual + 1 / now)


def chi_squared(freedom: int) -> float:
    """What chi-squared exceeds once in ten thousand, within 4 % from 3 degrees of freedom on.

    E. B. Wilson and M. M. Hilferty, "The distribution of chi-square", 1931.
    """
    if freedom == 0:
        return 0.0
    part = 2 / (9 * freedom)
    return float(freedom * (1 - part + _QUANTILE * math.sqrt(part)) ** 3)


def drift(usual: Counts, now: Counts) -> float:
    """The index of counted images, less what chance does; 0 where chance is enough.

    Args:
        usual: images in each bin, int64 [B], at least one in all.
        now: the same of those that came.
    """
    used = (usual > 0) | (now > 0)
    usual, now = usual[used], now[used]
    index = stability_index(_shares(usual), _shares(now))
    return max(0.0, index - chance(len(usual), int(usual.sum()), int(now.sum())))


def _shares(counts: Counts) -> Shares:
    ahead = counts + _AHEAD
    return np.asarray(ahead / ahead.sum(), np.float64)
