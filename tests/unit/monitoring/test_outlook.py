"""Expected accuracy and drift, as the metrics page shows them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from tests.unit.fakes import TENTHS, reference
from velox.base.interval import wilson
from velox.base.reference import SIGNALS, Reference, Usual
from velox.monitoring.drift import LARGE
from velox.monitoring.outlook import (
    ACCURACY_IMAGES,
    DRIFT_IMAGES,
    LEAST_IMAGES,
    Outlook,
    expected_interval,
)
from velox.monitoring.window import NO_TRUTH, RIGHT, UNDECIDED, WRONG, Decided

LABELS = ("cat", "dog")
REFERENCE = reference()


class Page:
    """An outlook and what is read of it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.outlook = Outlook(self.registry)

    def add(
        self, decided: Decided | None, model: str = "one", usual: Reference | None = REFERENCE
    ) -> None:
        self.outlook.add(model, LABELS, usual, decided)

    def read(self, name: str, **labels: str) -> Any:
        return self.registry.get_sample_value(name, labels)

    def drifts(self) -> dict[str, float]:
        (family,) = (each for each in self.registry.collect() if each.name == "velox_drift")
        return {sample.labels["signal"]: sample.value for sample in family.samples}


def decided(
    count: int,
    changed: Mapping[str, float] = MappingProxyType({}),
    *,
    dogs: float = 0.5,
    seed: int = 0,
) -> Decided:
    """As usual, but for signals that are so many times as large."""
    generator = np.random.default_rng(seed)
    looks = generator.random((count, 3)).astype(np.float32)
    for column, name in enumerate(("brightness", "contrast", "sharpness")):
        looks[:, column] *= changed.get(name, 1)
    confidences = generator.random(count) * changed.get("confidence", 1)
    return Decided(
        (generator.random(count) < dogs).astype(np.int64),
        confidences.astype(np.float32),
        looks,
        np.full(count, NO_TRUTH, np.int8),
    )


def test_nothing_is_shown_before_the_first_image() -> None:
    page = Page()
    assert page.read("velox_expected_accuracy", label="") is None
    assert page.drifts() == {}


def test_expected_accuracy_is_the_mean_confidence_by_label() -> None:
    page = Page()
    blank = np.zeros((4, 3), np.float32)
    confidences = np.array([0.9, 0.8, 0.6, 0.7], np.float32)
    page.add(Decided.of(np.array([0, 0, 1, 1]), confidences, blank))
    assert page.read("velox_expected_accuracy", label="cat") == pytest.approx(0.85)
    assert page.read("velox_expected_accuracy", label="dog") == pytest.approx(0.65)
    assert page.read("velox_expected_accuracy", label="") == pytest.approx(0.75)
    low, high = expected_interval(0.75, 4, 1000)
    assert page.read("velox_expected_accuracy_low", label="") == pytest.approx(low)
    assert page.read("velox_expected_accuracy_high", label="") == pytest.approx(high)


def test_the_truth_stands_beside_it_where_records_carry_it() -> None:
    page = Page()
    blank, confidences = np.zeros((4, 3), np.float32), np.ones(4, np.float32)
    right = np.array([RIGHT, WRONG, NO_TRUTH, NO_TRUTH], np.int8)
    page.add(Decided(np.array([0, 0, 0, 1]), confidences, blank, right))
    assert page.read("velox_true_accuracy", label="") == 0.5
    assert page.read("velox_true_accuracy", label="cat") == 0.5
    assert page.read("velox_true_accuracy", label="dog") is None


def test_what_is_like_no_image_of_the_training_is_expected_to_be_neither() -> None:
    """Its label means nothing; how it looks is compared all the same."""
    page = Page()
    found = decided(1000, {"brightness": 0.1, "confidence": 0.1})
    found.right[:900] = UNDECIDED
    page.add(found)
    expected = found.confidences[900:].mean()
    assert page.read("velox_expected_accuracy", label="") == pytest.approx(expected)
    assert page.drifts()["brightness"] > LARGE


def test_the_interval_is_that_of_two_samples() -> None:
    """As many unseen images as images at hand count for half as many."""
    assert expected_interval(0.9, 1000, 1000) == pytest.approx(wilson(450, 500))
    assert expected_interval(0.9, 10, 10**9) == pytest.approx(wilson(9, 10), abs=1e-6)
    assert expected_interval(1.0, 10, 0) == (0, 1), "nothing is known of such a label"


def test_expected_accuracy_is_of_the_newest_images() -> None:
    page = Page()
    page.add(decided(ACCURACY_IMAGES, {"confidence": 0.2}))
    page.add(decided(ACCURACY_IMAGES))
    assert page.read("velox_expected_accuracy", label="") == pytest.approx(0.5, abs=0.03)


def test_no_drift_without_a_change() -> None:
    page = Page()
    for seed in range(40):
        page.add(decided(250, seed=seed))
        assert max(page.drifts().values()) < 0.05


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_change_of_one_signal_is_a_drift_of_that_one_alone(signal: str) -> None:
    page = Page()
    page.add(decided(5000))
    page.add(decided(DRIFT_IMAGES, {signal: 0.6}, seed=1))
    drifts = page.drifts()
    assert drifts.pop(signal) > LARGE
    assert max(drifts.values()) < 0.05
    assert page.read("velox_signal_mean", signal=signal) == pytest.approx(0.3, abs=0.02)
    assert page.read("velox_signal_usual_mean", signal=signal) == 0.5


def test_another_mix_of_labels_is_a_drift_of_the_mix() -> None:
    page = Page()
    page.add(decided(DRIFT_IMAGES, dogs=0.0))
    assert page.drifts()["label_mix"] > LARGE


def test_values_that_no_image_of_the_training_had_are_a_drift() -> None:
    page = Page()
    plain = Usual(edges=(0.497, 0.503), counts=(0, 1000, 0), mean=0.5)
    page.add(decided(DRIFT_IMAGES), usual=Reference((1, 1), dict.fromkeys(SIGNALS, plain)))
    assert page.drifts()["brightness"] > LARGE


def test_a_few_images_tell_nothing() -> None:
    page = Page()
    page.add(decided(LEAST_IMAGES - 1, {"brightness": 0.1}))
    assert page.drifts() == {}
    page.add(decided(1, {"brightness": 0.1}))
    assert page.drifts()["brightness"] > LARGE


def test_another_model_begins_anew_with_its_own_reference() -> None:
    page = Page()
    page.add(decided(DRIFT_IMAGES, {"brightness": 0.1}))
    assert page.drifts()["brightness"] > LARGE
    dark = Usual(TENTHS.edges, (0, 1000, *[0] * 10), 0.05)
    other = Reference((500, 500), {**REFERENCE.signals, "brightness": dark})
    page.add(decided(LEAST_IMAGES, {"brightness": 0.1}), "two", other)
    assert page.drifts()["brightness"] == 0
    assert page.read("velox_signal_usual_mean", signal="brightness") == 0.05


def test_a_model_without_a_reference_shows_nothing() -> None:
    page = Page()
    page.add(decided(DRIFT_IMAGES))
    page.add(None, "two", None)
    assert page.drifts() == {}
    assert page.read("velox_expected_accuracy", label="") is None
