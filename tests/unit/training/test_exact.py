import pytest

from velox.training.exact import chance_of_so_few, least_images, least_share, shows


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [
        # R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in
        # Medicine 17 (1998), table I: Clopper and Pearson's intervals of 95 %, two-sided.
        (81, 263, 0.2527, 0.3676),
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0, 0.1684),
        (1, 29, 0.0009, 0.1776),
    ],
)
def test_the_bound_is_clopper_and_pearsons(right: int, count: int, low: float, high: float) -> None:
    assert least_share(right, count, doubt=0.025) == pytest.approx(low, abs=5e-5)
    assert 1 - least_share(count - right, count, doubt=0.025) == pytest.approx(high, abs=5e-5)


@pytest.mark.parametrize("count", [1, 7, 300, 5_000])
@pytest.mark.parametrize("share", [0.3, 0.9, 1.0])
def test_it_is_the_quantile_of_a_beta_distribution(count: int, share: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    right = max(1, round(count * share))
    expected = stats.beta.ppf(0.05, right, count - right + 1)
    assert least_share(right, count) == pytest.approx(expected, abs=1e-9)


def test_without_any_right_one_nothing_is_left() -> None:
    assert least_share(0, 0) == 0
    assert least_share(0, 10) == 0
    assert not shows(0, 0, 0.5)


def test_chances_at_the_ends() -> None:
    assert chance_of_so_few(3, 3, 0.5) == 1
    assert chance_of_so_few(0, 3, 0.0) == 1
    assert chance_of_so_few(0, 3, 1.0) == 0
    assert chance_of_so_few(0, 2, 0.5) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("wrong", "precision", "images"),
    # ln 0.05 / ln 0.99 = 298.07, and so on: without a wrong one the power is all there is.
    [
        *((0, 0.99, 299), (1, 0.99, 473), (2, 0.99, 628)),
        *((0, 0.95, 59), (1, 0.95, 93), (0, 0.9, 29), (1, 0.9, 46), (0, 0.5, 5)),
    ],
)
def test_so_many_images_are_enough_and_one_fewer_is_not(
    wrong: int, precision: float, images: int
) -> None:
    assert least_images(wrong, precision) == images
    assert shows(images - wrong, images, precision)
    assert not shows(images - 1 - wrong, images - 1, precision)
