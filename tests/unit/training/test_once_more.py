"""A last layer that learns from the validation images too, once they have judged."""

from __future__ import annotations

import io
import threading

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from velox.base.terminal import Progress
from velox.training.calibration import Unseen, expected_calibration_error, fit_temperature
from velox.training.data.dataset import Dataset, Held, Indices, Pixels, Splits
from velox.training.evaluation import Inputs, outputs
from velox.training.judgement import judged
from velox.training.last_layer import solved, teach_last_layer
from velox.training.once_more import teach_once_more

torch.set_num_threads(1)

CPU, LABELS = Inputs(torch.device("cpu")), ("cat", "dog", "owl")


class Known(nn.Module):
    """A network whose features are the mean colours of an image's sixteenths."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(48, 3)

    def forward(self, images: Tensor) -> Tensor:
        given: Tensor = self.last(nn.functional.adaptive_avg_pool2d(images, 4).flatten(1))
        return given


class Watched(Held):
    """Remembers which images were taken."""

    def __init__(self, pixels: Pixels) -> None:
        super().__init__(pixels)
        self.taken: set[int] = set()

    def take(self, rows: Indices) -> Pixels:
        self.taken |= set(rows.tolist())
        return super().take(rows)


def splits(training: int, validation: int, test: int) -> tuple[Splits, Watched]:
    """A label is a channel that is brighter in most images."""
    random = np.random.default_rng(0)
    count = training + validation + test
    targets = np.arange(count) % 3
    pixels = random.integers(0, 200, (count, 8, 8, 3), dtype=np.uint8)
    shown = np.where(random.random(count) < 0.15, random.integers(0, 3, count), targets)
    for row, channel in enumerate(shown):
        pixels[row, ..., channel] += 30
    images = Watched(pixels)
    data = Dataset(images, np.arange(count), targets, LABELS)
    ends = np.cumsum([training, validation, test])
    return Splits(
        *(
            data.subset(np.arange(end - many, end))
            for end, many in zip(ends, (training, validation, test), strict=True)
        )
    ), images


def taught_twice(parts: Splits) -> tuple[Known, float, Unseen]:
    """The network, the penalty, and what calibrates it."""
    torch.manual_seed(0)
    network, progress, stop = Known(), Progress(io.StringIO()), threading.Event()
    taught = teach_last_layer(
        network, parts.training, inputs=CPU, seed=0, progress=progress, stop=stop
    )
    assert taught is not None
    unseen = teach_once_more(
        network, parts, taught, inputs=CPU, seed=0, progress=progress, stop=stop
    )
    return network, taught.penalty, unseen


def test_training_and_validation_images_teach_and_test_images_do_not() -> None:
    parts, images = splits(60, 30, 30)
    network, penalty, _ = taught_twice(parts)
    assert images.taken == set(range(90))
    pixels, targets = images.take(np.arange(90)), torch.arange(90) % 3
    features = nn.functional.adaptive_avg_pool2d(CPU.of(pixels), 4).flatten(1)
    weight, bias = solved(features, targets, classes=3, penalty=penalty)
    assert torch.allclose(network.last.weight, weight, atol=1e-3)
    assert torch.allclose(network.last.bias, bias, atol=1e-3)


def test_the_temperature_is_of_images_that_a_layer_had_not_learned_from() -> None:
    parts, _ = splits(60, 30, 900)
    network, _, unseen = taught_twice(parts)
    temperature = fit_temperature(unseen.logits, torch.from_numpy(unseen.targets))
    stop = threading.Event()
    logits = outputs(network, parts.test, inputs=CPU, stop=stop)
    targets = torch.from_numpy(parts.test.targets)
    before = expected_calibration_error(logits, targets, 1.0)
    # Fitted on what the layer has learned from, it would make the answers surer still.
    self_taught = judged(network, parts, CPU, stop, precision=0.9).temperature
    assert temperature > self_taught
    assert expected_calibration_error(logits, targets, temperature) < before
    found = judged(network, parts, CPU, stop, unseen, precision=0.9)
    assert found.temperature == pytest.approx(temperature)
    assert found.promise is not None
    on = [each.images for each in found.promise.thresholds]
    assert sum(on) > len(parts.validation), "training images count too: a layer has not seen them"
