import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.unit.fakes import reference
from tests.unit.models.engine.networks import images, telling
from velox.base.errors import SettingError
from velox.base.thresholds import Thresholds
from velox.consumer.engines import Engines
from velox.models.checkpoint import save
from velox.models.measured_thresholds import MeasuredThresholds
from velox.models.novelty_limits import SHARES, NoveltyLimits


def engines(thresholds: Thresholds) -> Engines:
    return Engines(
        model_path=Path("model.pth"),
        classes_path=Path("classes.json"),
        device="cpu",
        precision="fp32",
        compiled=False,
        memory_fraction=1.0,
        batch_size=2,
        top=2,
        thresholds=thresholds,
    )


def test_a_threshold_for_a_label_that_the_model_lacks_stops_the_start() -> None:
    model: Any = SimpleNamespace(labels=("good", "defect"))
    words = r"^CONFIDENCE_THRESHOLD: the model has no label 'defct' \(the nearest is 'defect'\)$"
    with pytest.raises(SettingError, match=words):
        engines(Thresholds(0.9, {"defct": 0.5})).first(model)


def test_an_engine_has_the_threshold_of_each_of_its_labels() -> None:
    checkpoint = telling()
    thresholds = Thresholds(0.9, {checkpoint.labels[1]: 0.5, "of another model": 0.1})
    engine = engines(thresholds).later(checkpoint)
    assert engine.thresholds == (0.9, 0.5, *[0.9] * (len(checkpoint.labels) - 2))
    assert engine.top == 2
    engine.close()


def test_auto_takes_what_training_measured(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    plain = telling()
    _, *others = plain.labels
    measured = MeasuredThresholds(0.99, (0.75, *[None] * len(others)))
    engine = engines(Thresholds(None, {others[-1]: 0.5})).later(replace(plain, thresholds=measured))
    assert engine.thresholds == (0.75, *[math.inf] * (len(others) - 1), 0.5)
    engine.close()
    assert "thresholds of the model precision=0.99 labels=2 from=0.5 to=0.75" in caplog.text
    assert f"CONFIDENCE_THRESHOLD=auto: never matched: {others[0]!r}; " in caplog.text


def test_auto_says_where_nothing_will_match(caplog: pytest.LogCaptureFixture) -> None:
    plain = telling()
    measured = MeasuredThresholds(0.99, (None,) * len(plain.labels))
    engines(Thresholds(None)).first(replace(plain, thresholds=measured)).close()
    assert ", so nothing will match; the model's report says why" in caplog.text


def test_a_model_with_which_nothing_would_match_takes_the_place_of_none() -> None:
    plain = telling()
    measured = MeasuredThresholds(0.99, (None,) * len(plain.labels))
    with pytest.raises(SettingError, match="no image would be a match any more"):
        engines(Thresholds(None)).later(replace(plain, thresholds=measured))


def test_a_model_without_a_reference_says_once_what_is_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    plain = telling()
    engines(Thresholds(0.9)).later(replace(plain, reference=reference(len(plain.labels)))).close()
    assert "no reference" not in caplog.text
    engines(Thresholds(0.9)).later(plain).close()
    assert caplog.text.count("the model has no reference, so there is no expected accuracy") == 1


def test_auto_without_measured_thresholds_stops_the_start() -> None:
    words = (
        r"^CONFIDENCE_THRESHOLD=auto: model\.pth has no thresholds of its own; train it once more"
    )
    with pytest.raises(SettingError, match=words):
        engines(Thresholds(None)).first(telling())


def knowing(*limits: float | None) -> Any:
    """A checkpoint that tells unlike images from others, with these limits."""
    checkpoint = telling("resnet18", passes=1)
    wide = 2 * (64 + 128 + 256 + 512)
    tensors = {
        "shift": torch.zeros(wide),
        "scale": torch.ones(wide),
        "centres": torch.zeros(len(checkpoint.labels), wide),
        "directions": torch.zeros(wide, 2),
        "means": torch.zeros(2),
        "deviations": torch.ones(2),
    }
    held = (*[None] * (len(SHARES) - len(limits)), *limits)
    return replace(checkpoint, novelty=tensors, unknown=NoveltyLimits(250, held))


def test_an_engine_calls_unknown_what_is_beyond_its_models_limit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    plain = engines(Thresholds(0.9))
    checkpoint = knowing(9.5, 8.0, 6.0, 4.0)
    for share, above in ((None, math.inf), (0.01, 9.5), (0.05, 6.0)):
        engine = replace(plain, unknown=share).later(checkpoint)
        assert engine.unknown_above == above
        engine.close()
    assert "images are unknown above novelty=9.500 share=0.01 images=250" in caplog.text
    engine = replace(plain, unknown=0.001).later(checkpoint)
    assert engine.unknown_above == math.inf
    engine.close()
    said = (
        "UNKNOWN=0.001 calls no image unknown: found on 250 known images, at least 999 are needed"
    )
    assert said in caplog.text


def test_unknown_with_a_model_that_cannot_tell_stops_the_start() -> None:
    words = r"^UNKNOWN: model\.pth cannot tell what is unlike the images of its training; train it"
    with pytest.raises(SettingError, match=words):
        replace(engines(Thresholds(0.9)), unknown=0.01).first(telling())


def test_what_nobody_asks_for_is_not_computed(tmp_path: Path) -> None:
    plain = replace(
        engines(Thresholds(0.9)),
        model_path=tmp_path / "model.pth",
        classes_path=tmp_path / "classes.json",
    )
    save(knowing(9.5, 8.0, 6.0, 4.0), plain.model_path, plain.classes_path)
    for unknown, computed in ((None, False), (0.01, True), (None, False), (0.01, True)):
        asked = replace(plain, unknown=unknown)
        engine = asked.first(asked.load())
        novelty = engine.predict(images(2)).novelty
        engine.close()
        assert novelty.any() == computed
