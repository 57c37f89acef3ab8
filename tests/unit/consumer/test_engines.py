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
from velox.consumer.sources.rules import Rule, Sources
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
    checkpoint = telling(passes=1)
    thresholds = Thresholds(0.9, {checkpoint.labels[1]: 0.5, "of another model": 0.1})
    engine = engines(thresholds).later(checkpoint)
    assert engine.thresholds == (0.9, 0.5, *[0.9] * (len(checkpoint.labels) - 2))
    assert engine.top == 2
    engine.close()


def test_an_engine_is_tried_with_the_thresholds_of_sources() -> None:
    rules = [Sources(), Sources({"door": Rule(threshold=0.5)})]
    made = replace(engines(Thresholds(0.9)), sources=rules.pop)
    for expected in ([(0.5, 0.5, 0.5)], []):
        engine = made.later(telling(passes=1))
        assert list(engine.of_sources) == expected
        engine.close()


def test_a_model_with_which_nothing_would_match_takes_the_place_of_none() -> None:
    plain = telling(passes=1)
    measured = MeasuredThresholds(0.99, (None,) * len(plain.labels))
    with pytest.raises(SettingError, match="no image would be a match any more"):
        engines(Thresholds(None)).later(replace(plain, thresholds=measured))


def test_a_model_without_a_reference_says_once_what_is_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    plain = telling(passes=1)
    engines(Thresholds(0.9)).later(replace(plain, reference=reference(len(plain.labels)))).close()
    assert "no reference" not in caplog.text
    engines(Thresholds(0.9)).later(plain).close()
    assert caplog.text.count("the model has no reference, so there is no expected accuracy") == 1


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
        assert engine.unknown_above == (9.5 if computed else math.inf)
        assert novelty.any() == computed
