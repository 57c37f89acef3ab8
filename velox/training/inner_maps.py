"""What inner maps say of images, and what is usual there."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, fx

from velox.base.waiting import Stopped
from velox.models.novelty import CENTRES, DIRECTIONS, MEASURES, SCALE, SHIFT, measures, ready
from velox.training.data.dataset import Dataset
from velox.training.data.split import folds
from velox.training.evaluation import EVALUATION_BATCH, Inputs

FOLDS = 5
# Directions in which the numbers vary with a variance of their own.
MOST_DIRECTIONS = 128
# Of the mean deviation and of the mean variance: what hardly varies is not blown up.
LEAST_DEVIATION, LEAST_VARIANCE = 0.01, 0.2


class Seen(NamedTuple):
    """What a network makes of N images.

    Attributes:
        logits: float32 [N, C].
        numbers: of its inner maps, float32 [N, D].
    """

    logits: Tensor
    numbers: Tensor

    def some(self, which: Tensor) -> Seen:
        """Those of some images."""
        return Seen(self.logits[which], self.numbers[which])


@torch.inference_mode()
def seen(module: fx.GraphModule, data: Dataset, *, inputs: Inputs, stop: threading.Event) -> Seen:
    """What a network makes of a data set.

    Raises:
        Stopped: when told to stop.
    """
    found: list[tuple[Tensor, Tensor]] = []
    for first in range(0, len(data), EVALUATION_BATCH):
        if stop.is_set():
            raise Stopped("stopped while the model was judged; no model was written")
        pixels, _ = data.take(np.arange(first, min(first + EVALUATION_BATCH, len(data))))
        logits, numbers = module(inputs.of(pixels))
        found.append((logits.float().cpu(), numbers.cpu()))
    logits, numbers = map(torch.cat, zip(*found, strict=True))
    return Seen(logits, numbers)


def statistics(numbers: Tensor, targets: Tensor, classes: int) -> dict[str, Tensor]:
    """What the numbers of images are compared with; see `velox.models.novelty.measures`.

    Args:
        numbers: of N images, float32 [N, D].
        targets: their labels, int64 [N].
        classes: C.
    """
    mean, deviation = numbers.mean(dim=0), numbers.std(dim=0, correction=0)
    deviation = deviation + LEAST_DEVIATION * deviation.mean() + torch.finfo(torch.float32).tiny
    scaled = (numbers - mean) / deviation
    many = torch.bincount(targets, minlength=classes).clamp(min=1).unsqueeze(1)
    centres = torch.zeros(classes, numbers.shape[1]).index_add_(0, targets, scaled) / many
    rest = scaled - centres[targets]
    count, wide = rest.shape
    few = min(MOST_DIRECTIONS, count - 1, wide - 1)
    # It draws a start at random.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _, lengths, directions = torch.pca_lowrank(rest, q=few, center=False, niter=4)
    variances, whole = lengths.square() / count, rest.square().sum() / count
    least = LEAST_VARIANCE * whole / wide
    others = (whole - variances.sum()).clamp(min=0) / (wide - few) + least
    # The variance of the other directions is the unit, so that along these something is taken off.
    off = (1 - others / (variances + least)).clamp(min=0).sqrt()
    unit = others.sqrt()
    return {
        SHIFT: mean,
        SCALE: 1 / (deviation * unit),
        CENTRES: centres / unit,
        DIRECTIONS: directions * off,
    }


def crossed(given: Seen, data: Dataset, temperature: float, seed: int) -> Tensor:
    """Both measures of N images by statistics of others among them, float32 [N, 2]."""
    fold = torch.from_numpy(folds(data, FOLDS, seed))
    targets, classes = torch.from_numpy(data.targets), len(data.labels)
    found = torch.zeros(len(data), MEASURES)
    for each in range(FOLDS):
        out = fold == each
        others = ready(statistics(given.numbers[~out], targets[~out], classes))
        found[out] = measures(others, *given.some(out), temperature)
    return found
