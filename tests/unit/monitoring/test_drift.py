"""The population stability index against worked examples, and that chance alone is no drift."""

from __future__ import annotations

import numpy as np
import pytest

from velox.monitoring.drift import LARGE, chance, chi_squared, drift, stability_index


def test_the_index_of_a_worked_example() -> None:
    """Three groups of income in two years: geeksforgeeks.org, "Population Stability Index (PSI)".

    Expected 0.4, 0.3, 0.3, observed 0.35, 0.25, 0.4; its terms are 0.0067, 0.0091 and 0.0288.
    """
    found = stability_index(np.array([0.4, 0.3, 0.3]), np.array([0.35, 0.25, 0.4]))
    assert found == pytest.approx(0.0067 + 0.0091 + 0.0288, abs=1e-4)


def test_the_index_is_the_same_both_ways_and_0_for_the_same() -> None:
    one, other = np.array([0.2, 0.3, 0.5]), np.array([0.4, 0.35, 0.25])
    assert stability_index(one, other) == pytest.approx(stability_index(other, one))
    assert stability_index(one, one) == 0


@pytest.mark.parametrize(
    ("freedom", "value"),
    [(3, 21.108), (4, 23.513), (9, 33.720), (11, 37.367), (20, 52.386), (99, 160.056)],
)
def test_chi_squared_is_that_of_other_programs(freedom: int, value: float) -> None:
    """The quantiles of 0.9999 as `scipy.stats.chi2.ppf` computes them."""
    assert chi_squared(freedom) == pytest.approx(value, rel=0.04)


def test_what_chance_does_is_seldom_exceeded() -> None:
    """Samples of one distribution: the index itself is large, of small ones, and the drift is 0."""
    generator = np.random.default_rng(3)
    shares = np.full(10, 0.1)
    for usual, now in ((100, 100), (200, 200), (1000, 1000), (4000, 1000)):
        pairs = [
            (generator.multinomial(usual, shares), generator.multinomial(now, shares))
            for _ in range(4000)
        ]
        indices = [
            stability_index((one + 0.5) / (usual + 5), (other + 0.5) / (now + 5))
            for one, other in pairs
        ]
        assert np.mean(indices) == pytest.approx(9 * (1 / usual + 1 / now), rel=0.15)
        assert np.mean([each > chance(10, usual, now) for each in indices]) < 0.002
        assert max(drift(*pair) for pair in pairs) < LARGE


def test_a_label_of_ten_that_is_gone_is_a_large_drift() -> None:
    gone = np.array([111] * 9 + [0])
    assert drift(np.full(10, 100), gone) > LARGE
    assert drift(np.full(10, 20), gone) > LARGE, "of a reference of 200 images too"


def test_a_label_of_ten_that_comes_half_as_often_is_none() -> None:
    assert drift(np.full(10, 100), np.array([106] * 9 + [46])) < LARGE


def test_bins_that_nothing_falls_into_count_for_nothing() -> None:
    usual, now = np.array([50, 150]), np.array([150, 50])
    empty = np.zeros(20, np.int64)
    assert drift(np.append(usual, empty), np.append(now, empty)) == drift(usual, now) > LARGE


def test_all_in_one_bin_is_no_drift() -> None:
    assert drift(np.array([100]), np.array([7])) == 0
