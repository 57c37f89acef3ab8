"""Cross-validation of a last layer on known features."""

from __future__ import annotations

import io
import threading

import numpy as np
import torch
from torch import Tensor, nn

from velox.base.terminal import Progress
from velox.training.crossed import SOME, Crossed, cross_validated
from velox.training.data.dataset import Dataset, Held, Splits
from velox.training.data.split import split
from velox.training.evaluation import Inputs
from velox.training.last_layer import teach_last_layer

torch.set_num_threads(1)

LABELS = ("cat", "dog", "owl")


class Known(nn.Module):
    """A network whose features are the mean colours of an image's quarters."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(12, 3)

    def forward(self, images: Tensor) -> Tensor:
        given: Tensor = self.last(nn.functional.adaptive_avg_pool2d(images, 2).flatten(1))
        return given


def crossed(data: Dataset) -> tuple[Crossed, Splits]:
    network, splits = Known(), split(data, hold_out=0.2, seed=0)
    inputs, progress, stop = Inputs(torch.device("cpu")), Progress(io.StringIO()), threading.Event()
    taught = teach_last_layer(
        network, splits.training, inputs=inputs, seed=0, progress=progress, stop=stop
    )
    assert taught is not None
    found = cross_validated(
        network, splits, taught, inputs=inputs, seed=0, progress=progress, stop=stop
    )
    return found, splits


def coloured(each: int, noise: int = 60) -> Dataset:
    """A label is a channel that is a little brighter."""
    random = np.random.default_rng(0)
    targets = np.arange(3 * each) % 3
    pixels = random.integers(0, 256 - noise, (len(targets), 8, 8, 3), dtype=np.uint8)
    for row, target in enumerate(targets):
        pixels[row, ..., target] += noise
    return Dataset(Held(pixels), np.arange(len(targets)), targets, LABELS)


def test_all_images_are_judged_where_test_images_are_few() -> None:
    found, splits = crossed(coloured(40))
    assert found.judgement is not None
    assert found.judgement.images == sum(map(len, splits)) == 120
    assert found.judgement.accuracy > 0.95
    assert found.judgement.better
    assert sorted(found.data.rows.tolist()) == list(range(120))


def test_what_cannot_be_learned_is_at_chance_also_where_each_image_is_there_thrice() -> None:
    random = np.random.default_rng(1)
    pixels = random.integers(0, 255, (60, 8, 8, 3), dtype=np.uint8).repeat(3, axis=0)
    targets = random.permutation(np.arange(60) % 3).repeat(3)
    rows = np.arange(180)
    found, _ = crossed(Dataset(Held(pixels), rows, targets, LABELS, rows // 3))
    assert found.judgement is not None
    assert found.judgement.accuracy < 0.5
    assert not found.judgement.better


def test_wrong_labels_are_doubted_and_right_ones_are_not() -> None:
    data = coloured(60)
    wrong = [3, 40, 77, 111]
    data.targets[wrong] = (data.targets[wrong] + 1) % 3
    found, _ = crossed(data)
    doubted = {int(found.data.rows[each.place]) for each in found.doubtful}
    assert len(doubted & set(wrong)) >= 3
    assert len(doubted) <= len(wrong) + 2
    first = found.doubtful[0]
    assert first.called == (first.truth - 1) % 3


def test_where_test_images_are_enough_only_labels_are_looked_at() -> None:
    found, splits = crossed(coloured(1100))
    assert min(splits.test.counts()) >= 50
    assert found.judgement is None
    assert len(found.data) == SOME
