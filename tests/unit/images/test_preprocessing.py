from typing import Any

import pytest

from velox.images.preprocessing import Preprocessing

ALL = Preprocessing(
    fit="pad",
    resize_size=256,
    pad_color=(1, 2, 3),
    background=(255, 254, 253),
    value_range="image",
    multi_page="refuse",
)


@pytest.mark.parametrize("preprocessing", [Preprocessing(), ALL])
def test_it_comes_back_from_plain_values(preprocessing: Preprocessing) -> None:
    content = preprocessing.as_dict()
    assert {type(each) for each in content.values()} <= {str, int, list, type(None)}
    assert Preprocessing.of(content) == preprocessing


def test_the_defaults_are_what_checkpoints_mean_that_say_nothing_of_it() -> None:
    assert Preprocessing.of({}) == Preprocessing()
    assert Preprocessing().as_dict() == {
        "fit": "stretch",
        "resize_size": 0,
        "pad_color": [0, 0, 0],
        "background": None,
        "value_range": "dtype",
        "multi_page": "first",
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "preprocessing=None is not a dict"),
        ({"zoom": 1}, "preprocessing has an unknown entry 'zoom'"),
        ({1: 1}, "preprocessing has an unknown entry 1"),
        ({"fit": "shrink"}, "fit='shrink'; allowed: stretch, crop, pad"),
        ({"fit": None}, "fit=None; allowed"),
        ({"resize_size": -1}, "resize_size=-1; allowed: a whole number from 0 to 4096"),
        ({"resize_size": True}, "resize_size=True"),
        ({"resize_size": 256.0}, r"resize_size=256\.0"),
        ({"pad_color": [0, 0]}, r"pad_color=\[0, 0\]; allowed: three whole numbers from 0 to 255"),
        ({"pad_color": [0, 0, 256]}, "pad_color="),
        ({"pad_color": "abc"}, "pad_color='abc'"),
        ({"pad_color": None}, "pad_color=None"),
        ({"background": [0, 0, 1.5]}, "background=.*; allowed: three .*, or None"),
        ({"value_range": "uint16"}, "value_range='uint16'; allowed: dtype, image"),
        ({"multi_page": "last"}, "multi_page='last'; allowed: first, refuse"),
    ],
)
def test_what_is_not_known_is_named(content: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Preprocessing.of(content)
