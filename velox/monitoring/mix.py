"""How far a mix of labels is from the usual one, beyond what chance does.

Over many labels the stability index hides that one of them is gone. So each label is asked alone
whether its share has changed, and the one that has changed most is what counts.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from velox.monitoring.drift import Counts

Values = NDArray[np.float64]

# All labels together say by chance that one has changed in one look of ten thousand.
_DOUBT = 1e-4


def mix_drift(usual: Counts, now: Counts) -> float:
    """The largest change of a label's share, relative to the usual share, less what chance does.

    A change counts as far as the root of G is larger than its normal quantile: where it is twice
    that, one half counts. So 0.5 is a label that comes half as often, or half as often again, if
    there are very many images, and one that is gone if there are some hundred.

    Args:
        usual: images of each label, int64 [C], at least one in all.
        now: the same of those that came.
    """
    images, others = int(now.sum()), int(usual.sum())
    root = np.sqrt(g_statistic(usual, others - usual, now, images - now))
    quantile = NormalDist().inv_cdf(1 - _DOUBT / len(now) / 2)
    before, after = (usual + 0.5) / (others + 1), (now + 0.5) / (images + 1)
    surely = np.maximum(0, 1 - quantile / np.maximum(root, quantile))
    return float((np.abs(after - before) / before * surely).max())


def g_statistic(one: Counts, not_one: Counts, other: Counts, not_other: Counts) -> Values:
    """G of tables of two samples, with and without something: chi-squared with 1 degree of freedom.

    Twice the sum of `observed * ln(observed / expected)`: S. S. Wilks, "The likelihood test of
    independence in contingency tables", 1935. It suits rare things better than Pearson's does.

    Args:
        one: of the first sample, how many have it, in each of K tables, int64 [K].
        not_one: how many have not.
        other: the same of the second sample.
        not_other: how many have not.
    """
    table = np.array([[one, not_one], [other, not_other]], np.float64)
    expected = table.sum(axis=0) * table.sum(axis=1, keepdims=True) / table.sum(axis=(0, 1))
    ratio = np.divide(table, expected, out=np.ones_like(table), where=table > 0)
    return np.asarray(np.maximum(0, 2 * (table * np.log(ratio)).sum(axis=(0, 1))))
