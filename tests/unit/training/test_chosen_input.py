"""The settings win; what they leave open is as the weights to start from were trained."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from velox.images.preprocessing import Preprocessing
from velox.training.chosen_input import chosen
from velox.training.start_weights import MadeFor

HALVES = (0.5, 0.5, 0.5)
WHITE = (255, 255, 255)
GREY = (9, 9, 9)
TRAINED = Preprocessing(
    fit="crop",
    resize_size=256,
    pad_color=(1, 2, 3),
    background=None,
    value_range="image",
    multi_page="refuse",
)
OPEN: dict[str, Any] = dict.fromkeys(("fit", "background", "value_range", "multi_page"))


def made_for(preprocessing: Preprocessing | None) -> MadeFor:
    return MadeFor(224, HALVES, HALVES, preprocessing)


@pytest.mark.parametrize("start", [None, made_for(None)])
def test_without_weights_that_say_it_transparency_shows_white(start: MadeFor | None) -> None:
    usual = Preprocessing(background=WHITE, pad_color=WHITE)
    assert chosen(OPEN, start, size=64) == usual
    asked = OPEN | {"fit": "pad", "background": GREY}
    assert chosen(asked, start, size=64) == Preprocessing(
        fit="pad", background=GREY, pad_color=GREY
    )


def test_what_is_left_open_is_as_the_weights_were_trained(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        assert chosen(OPEN, made_for(TRAINED), size=224) == TRAINED
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [
        (
            "INFO",
            "the weights to start from were trained with "
            "FIT=crop BACKGROUND=none VALUE_RANGE=image MULTI_PAGE=refuse",
        )
    ]


def test_settings_win_and_the_conflict_is_said_in_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    asked = OPEN | {"fit": "pad", "background": GREY, "multi_page": "refuse"}
    assert chosen(asked, made_for(TRAINED), size=224) == Preprocessing(
        fit="pad", background=GREY, pad_color=GREY, value_range="image", multi_page="refuse"
    )
    assert [each.getMessage() for each in caplog.records if each.levelname == "WARNING"] == [
        "the settings are taken, not what the weights to start from were trained with: "
        "FIT=pad BACKGROUND=9,9,9 instead of FIT=crop BACKGROUND=none"
    ]


@pytest.mark.parametrize(("size", "side"), [(224, 256), (112, 128), (64, 73), (1024, 1170)])
def test_at_another_size_the_same_part_of_an_image_is_cut_out(size: int, side: int) -> None:
    made = chosen(OPEN, made_for(TRAINED), size=size)
    assert made == replace(TRAINED, resize_size=side)


def test_a_side_that_no_checkpoint_may_have_is_not_chosen() -> None:
    tiny = MadeFor(32, HALVES, HALVES, replace(TRAINED, resize_size=4096))
    assert chosen(OPEN, tiny, size=1024).resize_size == 4096
