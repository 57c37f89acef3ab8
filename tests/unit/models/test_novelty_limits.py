import json
import math

import pytest

from velox.models.novelty_limits import SHARES, NoveltyLimits, least_images

LIMITS = NoveltyLimits(250, (None, None, None, 9.5, 8.0, 6.0, 4.0))


@pytest.mark.parametrize(
    ("share", "above"),
    [(0.01, 9.5), (0.015, 9.5), (0.02, 8.0), (0.1, 4.0), (0.005, math.inf), (0.001, math.inf)],
)
def test_the_limit_is_that_of_the_largest_share_that_is_not_above_what_is_asked(
    share: float, above: float
) -> None:
    assert LIMITS.above(share) == above


def test_they_travel_in_plain_values() -> None:
    assert NoveltyLimits.of(LIMITS.as_dict()) == LIMITS
    assert NoveltyLimits.of(json.loads(json.dumps(LIMITS.as_dict()))) == LIMITS


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"images": 1},
        {"images": 1, "of_shares": {0.01: 1.0}},
        {"images": 1, "of_shares": dict.fromkeys(SHARES, math.nan)},
        {"images": 1, "of_shares": dict.fromkeys(SHARES, "x")},
    ],
)
def test_what_is_none_is_refused(content: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        NoveltyLimits.of(content)


@pytest.mark.parametrize(("share", "images"), [(0.01, 99), (0.05, 19), (0.1, 9), (0.001, 999)])
def test_so_many_images_say_something_of_a_share(share: float, images: int) -> None:
    """Of one more image than these, a share is beyond the farthest of them on average."""
    assert least_images(share) == images
    assert 1 / (images + 1) <= share + 1e-12
