"""How far a mix of labels is from the usual one."""

from __future__ import annotations

import numpy as np
import pytest

from velox.monitoring.drift import LARGE
from velox.monitoring.mix import g_statistic, mix_drift


def test_g_of_a_worked_example() -> None:
    """J. H. McDonald, Handbook of Biological Statistics, "G-test of independence".

    4,758 children without and 30 with a severe reaction, by injections into the thigh, and 8,840
    and 76 by those into the arm, from L. A. Jackson et al., 2013: G is 2.14.
    """
    (found,) = g_statistic(*(np.array([each]) for each in (30, 4758, 76, 8840)))
    assert found == pytest.approx(2.14, abs=0.005)


def test_g_of_nothing_and_of_all_is_a_number() -> None:
    none, some = np.array([0]), np.array([50])
    assert g_statistic(none, some, none, some) == 0
    assert g_statistic(some, none, some, none) == 0
    # Of 100 images half have it, of as many others none: 2 * (50 ln 2 + 50 ln 2/3 + 100 ln 4/3).
    assert g_statistic(some, some, none, 2 * some) == pytest.approx([86.305], abs=0.01)


def usual(labels: int = 10, images: int = 1000) -> np.ndarray:
    return np.full(labels, images // labels)


@pytest.mark.parametrize(("labels", "images"), [(2, 200), (10, 300), (10, 2000), (20, 2000)])
def test_a_label_that_is_gone_is_a_large_drift(labels: int, images: int) -> None:
    share = 1000 // (labels - 1)
    assert mix_drift(usual(labels, images), np.array([share] * (labels - 1) + [0])) > LARGE


def test_it_is_large_before_the_window_holds_nothing_else() -> None:
    """And although some other images are taken for that label."""
    assert mix_drift(usual(), np.array([108] * 9 + [28])) > LARGE


def test_a_rare_label_that_comes_ten_times_as_often_is_a_large_drift() -> None:
    assert mix_drift(np.array([1990, 10]), np.array([950, 50])) > LARGE
    assert mix_drift(np.array([2000, 0]), np.array([980, 20])) > LARGE


def test_a_label_that_comes_somewhat_more_often_is_none() -> None:
    assert mix_drift(usual(2), np.array([560, 440])) == 0
    assert mix_drift(usual(), np.array([130, 97, 97, 97, 97, 97, 97, 96, 96, 96])) == 0


@pytest.mark.parametrize("shares", [[0.1] * 10, [0.9, 0.099, 0.001], [0.98, *[0.001] * 20]])
@pytest.mark.parametrize(("images", "now"), [(100, 100), (500, 1000), (4000, 1000)])
def test_chance_alone_is_no_drift(shares: list[float], images: int, now: int) -> None:
    generator = np.random.default_rng(5)
    for _ in range(1000):
        pair = generator.multinomial(images, shares), generator.multinomial(now, shares)
        assert mix_drift(*pair) < LARGE


def test_one_label_is_no_mix() -> None:
    assert mix_drift(np.array([100]), np.array([7])) == 0
