import numpy as np
import pytest

from velox.training.separation import auroc, false_positives


def test_the_area_is_the_share_of_pairs_that_are_in_order() -> None:
    """The 20 instances of figure 3 of T. Fawcett, 2006; their area is 0.68."""
    positives = np.array([0.9, 0.8, 0.6, 0.55, 0.54, 0.51, 0.4, 0.38, 0.34, 0.30])
    negatives = np.array([0.7, 0.53, 0.52, 0.505, 0.39, 0.37, 0.36, 0.35, 0.33, 0.1])
    assert auroc(negatives, positives) == pytest.approx(0.68)
    assert auroc(positives, negatives) == pytest.approx(0.32)


@pytest.mark.parametrize(
    ("known", "others", "area"),
    [([0, 1], [2, 3], 1.0), ([2, 3], [0, 1], 0.0), ([1, 1], [1], 0.5), ([0, 2], [1], 0.5)],
)
def test_what_is_apart_has_the_whole_area_and_what_is_the_same_half(
    known: list[float], others: list[float], area: float
) -> None:
    assert auroc(np.array(known), np.array(others)) == area


def test_false_positives_lie_where_most_of_the_others_do() -> None:
    others = np.arange(100) / 10
    # 95 of the others are at 0.5 or above.
    known = np.array([0.0, 0.4, 0.5, 0.6, 20.0])
    assert false_positives(known, others) == 3 / 5
    assert false_positives(known, np.array([30.0])) == 0
