import math
import re

import pytest

from velox.base.errors import SettingError
from velox.base.thresholds import Thresholds
from velox.settings.consumer import ConsumerSettings


def load(text: str) -> Thresholds:
    return ConsumerSettings.load({"CONFIDENCE_THRESHOLD": text}).confidence_threshold


@pytest.mark.parametrize(
    ("text", "general", "of_label"),
    [
        ("0.9", 0.9, {}),
        ("0.9,defect=0.55", 0.9, {"defect": 0.55}),
        (" 1 , red circle = 0 ,b=1", 1.0, {"red circle": 0.0, "b": 1.0}),
        (r"0.5,tench\, Tinca tinca=0.7", 0.5, {"tench, Tinca tinca": 0.7}),
        ("0.5,a=b=0.7", 0.5, {"a=b": 0.7}),
        ("auto", None, {}),
        ("auto,defect=0.55", None, {"defect": 0.55}),
    ],
)
def test_a_number_and_exceptions(text: str, general: float | None, of_label: object) -> None:
    assert load(text) == Thresholds(general, of_label)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        *("", "defect=0.5", "0.9,", "0.9,defect", "0.9,=0.5", "0.9,a=1.1", "0.9,a=nan"),
        *("0.9,a=auto", "0.9,a=0.5,a=0.6", "0.9,0.8", "AUTO", "a=0.5,0.9"),
    ],
)
def test_what_is_no_such_list_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"^CONFIDENCE_THRESHOLD='.*LABEL=NUMBER, .*\\,\)$"):
        load(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("0,9", "'9' has no label and ="),
        ("1.5,a=0.5", "'1.5' comes first and is not auto, or a number from 0 to 1"),
        ("0.9,a=0.5,defect=55", "'55' of 'defect' is not a number from 0 to 1"),
        ("0.9,a=0.5,a=0.6", "'a' stands there twice"),
    ],
)
def test_the_part_that_is_wrong_is_named(text: str, what: str) -> None:
    with pytest.raises(SettingError, match=re.escape(f"={text!r} is not allowed: {what}; ")):
        load(text)


def test_each_label_of_a_model_has_its_own() -> None:
    assert load("0.9,b=0.5,c=0.1").of(["a", "b"]) == (0.9, 0.5)
    measured = (0.7, 0.8, None)
    assert load("auto,b=0.5").of(["a", "b", "c"], measured) == (0.7, 0.5, math.inf)
    assert load("auto,c=0.5").of(["a", "b", "c"], measured) == (0.7, 0.8, 0.5)
