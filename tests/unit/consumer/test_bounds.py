"""What a model's answers are compared with."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from velox.base.errors import SettingError
from velox.base.thresholds import Thresholds
from velox.consumer.bounds import bounds_of
from velox.models.description import Description
from velox.models.engine.check import Bounds
from velox.models.measured_thresholds import MeasuredThresholds
from velox.models.novelty_limits import SHARES, NoveltyLimits

MODEL = Description(architecture="any", labels=("red", "green", "blue"), input_size=64)


def bounds(model: Description, thresholds: Thresholds, unknown: float | None = None) -> Bounds:
    return bounds_of(model, Path("model.pth"), thresholds=thresholds, unknown=unknown)


def measured(*thresholds: float | None) -> Description:
    return replace(MODEL, thresholds=MeasuredThresholds(0.99, thresholds))


def test_each_label_has_the_threshold_that_is_set_for_it() -> None:
    found = bounds(measured(0.1, 0.1, 0.1), Thresholds(0.9, {"green": 0.5, "of another model": 0}))
    assert found == Bounds((0.9, 0.5, 0.9), math.inf)


def test_auto_takes_what_training_measured(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    found = bounds(measured(0.75, None, None), Thresholds(None, {"blue": 0.5}))
    assert found.thresholds == (0.75, math.inf, 0.5)
    assert "thresholds of the model precision=0.99 labels=2 from=0.5 to=0.75" in caplog.text
    assert "CONFIDENCE_THRESHOLD=auto: never matched: 'green'; " in caplog.text


def test_auto_says_where_nothing_will_match(caplog: pytest.LogCaptureFixture) -> None:
    assert min(bounds(measured(None, None, None), Thresholds(None)).thresholds) == math.inf
    assert ", so nothing will match; the model's report says why" in caplog.text


def test_auto_names_the_first_of_many_labels(caplog: pytest.LogCaptureFixture) -> None:
    labels = tuple("abcdefg")
    none = MeasuredThresholds(0.99, (None,) * len(labels))
    bounds(replace(MODEL, labels=labels, thresholds=none), Thresholds(None))
    assert "never matched: 'a', 'b', 'c', 'd', 'e' and 2 more, so nothing" in caplog.text


def test_auto_without_measured_thresholds_is_refused() -> None:
    words = (
        r"^CONFIDENCE_THRESHOLD=auto: model\.pth has no thresholds of its own; train it once more"
    )
    with pytest.raises(SettingError, match=words):
        bounds(MODEL, Thresholds(None))


def test_what_is_beyond_the_models_limit_is_unknown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    held = (*[None] * (len(SHARES) - 4), 9.5, 8.0, 6.0, 4.0)
    model = replace(MODEL, unknown=NoveltyLimits(250, held))
    for share, above in ((None, math.inf), (0.01, 9.5), (0.05, 6.0)):
        assert bounds(model, Thresholds(0.9), share).unknown_above == above
    assert "images are unknown above novelty=9.500 share=0.01 images=250" in caplog.text
    assert bounds(model, Thresholds(0.9), 0.001).unknown_above == math.inf
    said = (
        "UNKNOWN=0.001 calls no image unknown: found on 250 known images, at least 999 are needed"
    )
    assert said in caplog.text


def test_unknown_with_a_model_that_cannot_tell_is_refused() -> None:
    words = r"^UNKNOWN: model\.pth cannot tell what is unlike the images of its training; train it"
    with pytest.raises(SettingError, match=words):
        bounds(MODEL, Thresholds(0.9), 0.01)
