"""What a share that was found on a few images leaves at least, exactly, by the binomial law.

C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case
of the binomial", Biometrika 26 (1934).
"""

from __future__ import annotations

import math
from functools import cache

# One finding in twenty may be luck: the lower end of a one-sided interval of 95 %.
DOUBT = 0.05
_ROUNDS = 60


def chance_of_so_few(wrong: int, count: int, share: float) -> float:
    """The probability of at most `wrong` wrong ones among `count`, of which each is so by `share`.

    Args:
        wrong: from 0 to `count`.
        count: at least 1.
        share: from 0 to 1.
    """
    if wrong >= count or share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    odds, logarithm = math.log(share) - math.log1p(-share), count * math.log1p(-share)
    terms = [logarithm]
    for each in range(wrong):
        logarithm += math.log((count - each) / (each + 1)) + odds
        terms.append(logarithm)
    return min(1.0, math.fsum(map(math.exp, terms)))


def least_share(right: int, count: int, *, doubt: float = DOUBT) -> float:
    """The lower end of the one-sided interval for a share of which `right` of `count` were found.

    Args:
        right: from 0 to `count`.
        count: 0 leaves every share.
        doubt: the probability of so many right ones at that end.
    """
    low, high = 0.0, 1.0
    if not right:
        return low
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        if chance_of_so_few(count - right, count, 1 - middle) < doubt:
            low = middle
        else:
            high = middle
    return low


def shows(right: int, count: int, precision: float, doubt: float = DOUBT) -> bool:
    """Whether so many right ones leave a share of at least `precision`, below 1."""
    return count > 0 and chance_of_so_few(count - right, count, 1 - precision) <= doubt


@cache
def least_images(wrong: int, precision: float, doubt: float = DOUBT) -> int:
    """How many images show a share of at least `precision`, below 1, although `wrong` are wrong."""
    low, high = wrong, wrong + 1
    while not shows(high - wrong, high, precision, doubt):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if shows(middle - wrong, middle, precision, doubt):
            high = middle
        else:
            low = middle
    return high
