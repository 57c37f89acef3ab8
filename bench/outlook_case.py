"""(j) How well it is doing, without truth: expected against true accuracy, alarms and false alarms.

Streams are resampled: each image of the unseen ones is decoded and predicted once, as it is and
spoiled, and a stream of any length is drawn from what that gave, with replacement. So the pictures
are real and their order is chance. A few pictures over and over are no stream without a change, as
they differ from those of the training: false alarms are counted where there are many.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from bench import brought
from bench.measure import figure
from bench.results import Results
from bench.spoiled_shapes import shapes
from bench.training_case import BATCH, labelled, trained
from velox.base.reference import Reference
from velox.images.appearance import looks
from velox.models.checkpoint import load
from velox.models.engine.interface import Engine
from velox.models.engine.torch_engine import TorchEngine
from velox.monitoring.drift import LARGE
from velox.monitoring.outlook import Outlook
from velox.monitoring.window import Decided

Pixels = NDArray[np.uint8]

CASE = "outlook"
LONG, SHORT, SEEDS = 100_000, 1000, 10
BEFORE = 3000
STEP, FINE_STEP = 100, 20
POINTS, MANY = 2.0, 1000


@dataclass(frozen=True)
class Stream:
    """What images can be drawn from.

    Attributes:
        decided: each image once.
        truth: the index of its label, int64 [N].
    """

    decided: Decided
    truth: NDArray[np.int64]

    def drawn(self, count: int, generator: np.random.Generator) -> Decided:
        """So many images by chance."""
        return self.decided.rows(generator.integers(0, len(self.truth), count))

    def without(self, label: int) -> Stream:
        """All but one label's."""
        kept = np.flatnonzero(self.truth != label)
        return Stream(self.decided.rows(kept), self.truth[kept])


class Watch:
    """An outlook and its alarms."""

    def __init__(self, labels: tuple[str, ...], reference: Reference) -> None:
        self._registry = CollectorRegistry()
        self._outlook = Outlook(self._registry)
        self._labels, self._reference = labels, reference

    def add(self, decided: Decided) -> None:
        """Images that come."""
        self._outlook.add("model", self._labels, self._reference, decided)

    def value(self, name: str) -> float:
        """Of all labels."""
        found = self._registry.get_sample_value(name, {"label": ""})
        assert found is not None
        return found

    def drifts(self) -> dict[str, float]:
        """By signal."""
        return {
            sample.labels["signal"]: sample.value
            for family in self._registry.collect()
            if family.name == "velox_drift"
            for sample in family.samples
        }

    def alarms(self) -> set[str]:
        """The signals whose drift is large."""
        return {signal for signal, value in self.drifts().items() if value > LARGE}


SPOILED: dict[str, tuple[str, Callable[[Pixels], Pixels]]] = {
    "darker by 40 %": ("brightness", lambda image: np.asarray(image * 0.6, np.uint8)),
    "blurred": ("sharpness", lambda image: _blurred(image)),
    "covered": ("contrast", lambda image: np.asarray(image * 0.03, np.uint8)),
}


def _blurred(image: Pixels) -> Pixels:
    """As much as a picture that is out of focus by a hundredth of its width."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(1.0, image.shape[1] / 100)), np.uint8)


def run(results: Results, folder: Path) -> None:
    """Measure."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = brought.mobilenet(folder)
    for name, (learned, unseen), hold_out in (
        ("photographs", brought.photographs(folder), 0.2),
        # What is expected of the stream is as sure as the images are many that it was found on.
        ("digits", brought.digits(folder, learned=100, unseen=200), 0.4),
        ("shapes", shapes(folder), 0.4),
    ):
        model = folder / f"outlook-{name}" / "model.pth"
        trained(model, learned, weights, HOLD_OUT=str(hold_out))
        measure(results, name, model, unseen)


def measure(results: Results, name: str, model: Path, unseen: Path) -> None:
    """One model and images that it has not seen."""
    checkpoint = load(model, model.with_name("classes.json"))
    assert checkpoint.reference is not None
    engine = TorchEngine(checkpoint, device=torch.device("cpu"), precision="fp32", batch_size=BATCH)
    batches = list(labelled(unseen, checkpoint))
    usual = decided(engine, batches)
    labels, reference = checkpoint.labels, checkpoint.reference
    accuracy(results, name, usual, labels, reference)
    if len(usual.truth) >= MANY:
        false_alarms(results, name, usual, labels, reference)
    for what, (signal, spoil) in SPOILED.items():
        spoiled = decided(engine, [(_each(spoil, pixels), truths) for pixels, truths in batches])
        alarm(results, f"{name}, {what}", usual, spoiled, signal, labels, reference)
    gone = np.bincount(usual.truth).argmax()
    alarm(
        results,
        f"{name}, one label gone",
        usual,
        usual.without(int(gone)),
        "label_mix",
        labels,
        reference,
    )
    cost(results, name, engine, batches)
    engine.close()


def decided(engine: Engine, batches: list[tuple[Pixels, list[str]]]) -> Stream:
    """What a model makes of images."""
    parts = [(engine.predict(pixels).best, looks(pixels)) for pixels, _ in batches]
    truth = np.array([engine.labels.index(each) for _, truths in batches for each in truths])
    called = np.concatenate([best[0] for best, _ in parts])
    confidences = np.concatenate([best[1] for best, _ in parts])
    seen = np.concatenate([each for _, each in parts])
    return Stream(Decided(called, confidences, seen, (called == truth).astype(np.int8)), truth)


def _each(spoil: Callable[[Pixels], Pixels], pixels: Pixels) -> Pixels:
    return np.stack([spoil(image) for image in pixels])


def accuracy(
    results: Results, name: str, usual: Stream, labels: tuple[str, ...], reference: Reference
) -> None:
    """Expected and true accuracy of the unseen images, each once."""
    watch = Watch(labels, reference)
    watch.add(usual.decided)
    expected, true = watch.value("velox_expected_accuracy"), watch.value("velox_true_accuracy")
    low, high = (watch.value(f"velox_expected_accuracy_{end}") for end in ("low", "high"))
    results.add(CASE, {f"{name}, unseen images": figure([len(usual.truth)], "")})
    results.add(CASE, {f"{name}, accuracy expected": figure([100 * expected], "%")})
    results.add(CASE, {f"{name}, its interval": figure([100 * low, 100 * high], "%")})
    results.add(CASE, {f"{name}, accuracy true": figure([100 * true], "%")})
    # Of fewer images the true share itself is uncertain by more than that.
    if len(usual.truth) >= MANY:
        off = abs(100 * (expected - true))
        results.bar(CASE, f"{name}, points off", off, POINTS, at_least=False)


def false_alarms(
    results: Results, name: str, usual: Stream, labels: tuple[str, ...], reference: Reference
) -> None:
    """The largest drift of a long stream without a change, looked at all the time."""
    watch, generator, largest, times = Watch(labels, reference), np.random.default_rng(1), 0.0, 0
    for _ in range(LONG // STEP):
        watch.add(usual.drawn(STEP, generator))
        drift = max(watch.drifts().values())
        largest, times = max(largest, drift), times + (drift > LARGE)
    results.add(CASE, {f"{name}, largest drift without a change": figure([largest], "")})
    results.bar(CASE, f"{name}, false alarms in {LONG:,} images", times, 0, at_least=False)


def alarm(
    results: Results,
    what: str,
    usual: Stream,
    changed: Stream,
    signal: str,
    labels: tuple[str, ...],
    reference: Reference,
) -> None:
    """After how many images the alarm comes that names the change, in the slowest of some runs."""
    delays = [
        delay(usual, changed, signal, Watch(labels, reference), np.random.default_rng(seed))
        for seed in range(SEEDS)
    ]
    results.add(CASE, {f"{what}, images until the alarm": figure(delays, "")})
    results.bar(CASE, f"{what}, at the latest", max(delays), SHORT, at_least=False)


def delay(
    usual: Stream, changed: Stream, signal: str, watch: Watch, generator: np.random.Generator
) -> float:
    """After how many images one alarm comes; infinite after more than twice as many as allowed."""
    watch.add(usual.drawn(BEFORE, generator))
    for count in range(FINE_STEP, 2 * SHORT + 1, FINE_STEP):
        watch.add(changed.drawn(FINE_STEP, generator))
        if signal in watch.alarms():
            return count
    return np.inf


def cost(
    results: Results, name: str, engine: Engine, batches: list[tuple[Pixels, list[str]]]
) -> None:
    """Microseconds an image that looking at it takes, beside those that the model takes."""
    pixels = max((each for each, _ in batches), key=len)[:8]
    predicted = [_seconds(lambda: engine.predict(pixels)) for _ in range(30)]
    looked = [_seconds(lambda: looks(pixels)) for _ in range(300)]
    found = Decided.of(*engine.predict(pixels).best, looks(pixels))
    outlook = Outlook(CollectorRegistry())
    added = [_seconds(lambda: outlook.add("model", (), None, replace(found))) for _ in range(300)]
    a_look, an_add, a_prediction = (
        1e6 * median(each) / len(pixels) for each in (looked, added, predicted)
    )
    results.add(CASE, {f"{name}, a look at an image": figure([a_look], "us")})
    results.add(CASE, {f"{name}, keeping what is known of it": figure([an_add], "us")})
    results.add(CASE, {f"{name}, a prediction": figure([a_prediction], "us")})
    share = 100 * (a_look + an_add) / a_prediction
    results.bar(CASE, f"{name}, of the model's time in %", share, 1, at_least=False)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
