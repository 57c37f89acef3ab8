import numpy as np
import pytest
import torch
from torch import Tensor, nn

from velox.models.samples import Samples
from velox.training.data.dataset import Dataset, Held, Splits
from velox.training.evaluation import Inputs, accuracy
from velox.training.samples import SAMPLES, samples_of

LABELS = ("dark", "bright")


def data_set(count: int) -> Dataset:
    """Dark and bright images in turn."""
    targets = np.arange(count) % 2
    pixels = np.empty((count, 8, 8, 3), np.uint8)
    pixels[:] = (40 + 160 * targets)[:, None, None, None]
    return Dataset(Held(pixels), np.arange(count), targets, LABELS)


def test_samples_keep_their_labels() -> None:
    samples = samples_of(Splits(data_set(0), data_set(0), data_set(20)), seed=3)
    assert len(samples) == 20
    assert sorted(samples.targets) == [0] * 10 + [1] * 10
    bright = samples.pixels().mean(axis=(1, 2, 3)) > 128
    assert bright.tolist() == [target == 1 for target in samples.targets]


def test_samples_are_mixed_and_bounded() -> None:
    many = data_set(2 * SAMPLES)
    samples = samples_of(Splits(many, many, many), seed=3)
    assert len(samples) == SAMPLES
    assert len(set(samples.targets[:32])) == 2


def test_a_small_test_set_is_filled_up_with_validation_images() -> None:
    samples = samples_of(Splits(data_set(100), data_set(30), data_set(20)), seed=3)
    assert len(samples) == 50
    assert samples.targets.count(1) == 25


def test_the_accuracy_on_the_samples_is_that_of_what_their_readers_see() -> None:
    class Bright(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            level = images.mean(dim=(1, 2, 3))
            return torch.stack((-level, level), dim=1)

    samples = samples_of(Splits(data_set(0), data_set(0), data_set(150)), seed=3)
    assert accuracy(Bright(), samples, inputs=Inputs(torch.device("cpu"))) == 1
    wrong = Samples(
        samples.images, (*(1 - each for each in samples.targets[:15]), *samples.targets[15:])
    )
    assert accuracy(Bright(), wrong, inputs=Inputs(torch.device("cpu"))) == pytest.approx(0.9)
