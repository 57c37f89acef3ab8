import pytest

from velox.consumer.shadow.figures import MARGIN, Figures, ruling_of

SHARE = 0.95


def of(*, images: int = 1000, agreed: int = 1000, right: int = 0, **truths: int) -> Figures:
    return Figures(images=images, agreed=agreed, both=right, **truths)


def test_figures_add_up() -> None:
    one = Figures(images=2, agreed=1, matches=1, shadow_matches=2, both=1, in_use=0, shadow=1)
    assert one + one == Figures(4, 2, 2, 4, 2, 0, 2, 0)
    assert sum([one, one], Figures()).agreement == 0.5
    assert Figures().agreement == 0


@pytest.mark.parametrize(
    ("figures", "taken", "says"),
    [
        (of(agreed=950), True, "it decides 95.00% of the images as before"),
        (of(agreed=949), False, "94.90% of the images as before, less than 95.00%, and nothing"),
        # The truth is known of all: it is right where the other is wrong.
        (of(agreed=850, right=850, shadow=120, in_use=10, neither=20), True, "it is not worse"),
        # As good, but on too few to be sure of that.
        (of(agreed=900, right=40, neither=4), False, "44 images with a truth leave a difference"),
        (of(agreed=900, right=900, neither=100), True, "it is not worse"),
        # Worse beyond doubt, although it agrees often enough.
        (of(agreed=960, right=960, in_use=35, shadow=5), False, "it is worse, by at least"),
        # Worse perhaps, by less than counts where it agrees.
        (of(agreed=980, right=970, in_use=12, shadow=8, neither=10), True, "98.00%"),
        (of(agreed=900, right=900, in_use=55, shadow=45), False, "a loss of more than 2.0 points"),
        (Figures(), False, "0.00%"),
    ],
)
def test_a_model_has_to_show_that_it_costs_nothing(
    figures: Figures, taken: bool, says: str
) -> None:
    ruling = ruling_of(figures, SHARE)
    assert ruling.taken == taken, ruling
    assert says in ruling.reason


@pytest.mark.parametrize("lost", [0, 0.03, 0.1])
@pytest.mark.parametrize("count", [100, 1000, 100_000])
def test_without_agreement_no_model_is_taken_that_loses_more_than_the_margin(
    count: int, lost: float
) -> None:
    """However many images there are, what is taken has shown that it loses no more."""
    figures = of(
        images=count,
        agreed=0,
        right=int(count * (0.9 - lost)),
        in_use=int(count * lost),
        neither=count - int(count * (0.9 - lost)) - int(count * lost),
    )
    ruling = ruling_of(figures, SHARE)
    assert ruling.taken == (figures.interval.low >= -MARGIN)
    assert ruling.taken == (lost == 0 and count >= 1000)


def test_the_figures_are_told_in_one_line() -> None:
    assert str(of(agreed=3, images=4)) == "images=4 agreed=3 matches=0 shadow_matches=0 truths=0"
    told = str(of(right=90, in_use=5, shadow=2, neither=3))
    assert "truths=100 right=95 shadow_right=92 difference=-0.0300 interval=-0." in told


@pytest.mark.parametrize(
    ("count", "enough", "alone", "neither"),
    [
        *((188, False, 0, 0), (189, True, 0, 0)),
        *((400, False, 0.02, 0.08), (500, True, 0.02, 0.08)),
        *((1700, False, 0.09, 0.01), (1800, True, 0.09, 0.01)),
    ],
)
def test_equal_models_are_not_worse_once_there_are_enough_images(
    count: int, enough: bool, alone: float, neither: float
) -> None:
    """As `docs/new-models.md` says."""
    one, none = round(alone * count), round(neither * count)
    figures = of(
        images=count, agreed=0, right=count - 2 * one - none, in_use=one, shadow=one, neither=none
    )
    assert ruling_of(figures, SHARE).taken == enough
