from pathlib import Path

import pytest

from velox.base.errors import SettingError
from velox.images.preprocessing import Preprocessing
from velox.settings.training import TrainSettings
from velox.training.assembly import preprocessing_of
from velox.training.start import Start
from velox.training.start_weights import MadeFor, StartWeights

HALVES = (0.5, 0.5, 0.5)
NOTHING = Start(None)


def settings(**given: str) -> TrainSettings:
    return TrainSettings.load(given)


def test_new_models_see_what_is_transparent_over_white_and_the_rest_as_ever() -> None:
    white = (255, 255, 255)
    made = preprocessing_of(settings(), NOTHING)
    assert made == Preprocessing(background=white, pad_color=white)


def test_the_settings_choose_how_an_image_becomes_the_input() -> None:
    given = {"FIT": "pad", "BACKGROUND": "1, 2,3", "VALUE_RANGE": "image", "MULTI_PAGE": "refuse"}
    assert preprocessing_of(settings(**given), NOTHING) == Preprocessing(
        fit="pad",
        background=(1, 2, 3),
        pad_color=(1, 2, 3),
        value_range="image",
        multi_page="refuse",
    )
    for bad in ("1,2", "1,2,256", "white", "", "1,2,3,4", "1.5,2,3"):
        with pytest.raises(SettingError, match=r"BACKGROUND=.*auto, or red,green,blue"):
            settings(BACKGROUND=bad)


def test_what_they_leave_open_follows_the_weights_to_start_from() -> None:
    trained = Preprocessing(fit="crop", resize_size=128, value_range="image")
    start = Start(StartWeights(Path("w.pth"), {}, MadeFor(96, HALVES, HALVES, trained)))
    made = preprocessing_of(settings(INPUT_SIZE="96", VALUE_RANGE="dtype"), start)
    assert made == Preprocessing(fit="crop", resize_size=128)
