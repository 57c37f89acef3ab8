import numpy as np

import train
from velox.dataset import Dataset, Held

LABELS = ("dark", "bright")


def data_set(count: int) -> Dataset:
    """Dark and bright images in turn."""
    targets = np.arange(count) % 2
    pixels = np.empty((count, 8, 8, 3), np.uint8)
    pixels[:] = (40 + 160 * targets)[:, None, None, None]
    return Dataset(Held(pixels), np.arange(count), targets, LABELS)


def test_samples_keep_their_labels() -> None:
    samples = train.samples_of(data_set(20), seed=3)
    assert len(samples) == 20
    assert sorted(samples.targets) == [0] * 10 + [1] * 10
    bright = samples.pixels().mean(axis=(1, 2, 3)) > 128
    assert bright.tolist() == [target == 1 for target in samples.targets]


def test_samples_are_mixed_and_bounded() -> None:
    samples = train.samples_of(data_set(2 * train.SAMPLES), seed=3)
    assert len(samples) == train.SAMPLES
    assert len(set(samples.targets[:32])) == 2
