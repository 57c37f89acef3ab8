"""Confidences that mean what they say: the temperature of a softmax, and how far off it is.

C. Guo et al., "On Calibration of Modern Neural Networks", 2017 (arXiv:1706.04599).
"""

from __future__ import annotations

import math
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BINS = 15
_LEAST, _MOST = 0.05, 20.0
_ROUNDS = 60


class Unseen(NamedTuple):
    """What is made of images that nothing was learned from.

    Attributes:
        logits: float32 [N, C].
        targets: the images' labels, int64 [N].
        groups: int64 [N], the same number for images that are nearly the same.
    """

    logits: Tensor
    targets: NDArray[np.int64]
    groups: NDArray[np.int64]


class Decisions(NamedTuple):
    """What a network decides on unseen images.

    Attributes:
        confidences: calibrated, of the most likely label of each, float32 [N].
        called: the index of that label, int64 [N].
        right: whether it is the image's, bool [N].
    """

    confidences: Tensor
    called: Tensor
    right: Tensor

    @classmethod
    def of(cls, logits: Tensor, targets: Tensor, temperature: float) -> Self:
        """Those that logits, float32 [N, C], come to for images of these labels, int64 [N]."""
        confidences, called = torch.softmax(logits / temperature, dim=1).max(dim=1)
        return cls(confidences, called, called == targets)


NO_DECISIONS = Decisions(torch.zeros(0), torch.zeros(0, dtype=torch.int64), torch.zeros(0) > 0)


def fit_temperature(logits: Tensor, targets: Tensor) -> float:
    """The temperature under which the labels are most likely.

    A network that gets all of these images right would be most likely under a temperature of zero,
    so certain of everything. Hence each label counts as (N + 1) / (N + 2) sure, as after one more
    image of either outcome (J. Platt, "Probabilistic Outputs for SVMs", 1999).

    Args:
        logits: float32 [N, C].
        targets: int64 [N].

    Returns:
        A temperature from 0.05 to 20.
    """
    count, classes = logits.shape
    doubt = 1 / (count + 2)
    sure = torch.full((count, classes), doubt / (classes - 1), dtype=torch.float64)
    sure.scatter_(1, targets.unsqueeze(1), 1 - doubt)
    outputs = logits.double()

    def loss(log_temperature: float) -> float:
        scaled = torch.log_softmax(outputs / math.exp(log_temperature), dim=1)
        return -(sure * scaled).sum().item()

    # The loss is convex in 1 / T, so it has one minimum in log T, which thirds close in on.
    low, high = math.log(_LEAST), math.log(_MOST)
    for _ in range(_ROUNDS):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def expected_calibration_error(logits: Tensor, targets: Tensor, temperature: float) -> float:
    """The mean distance between confidence and accuracy, over 15 bins of equal width.

    Args:
        logits: float32 [N, C].
        targets: int64 [N].
        temperature: divides the logits.

    Returns:
        From 0, where of the images with confidence p a share p is right, to 1.
    """
    confidence, predicted = torch.softmax(logits.double() / temperature, dim=1).max(dim=1)
    right = (predicted == targets).double()
    bins = (confidence * BINS).ceil().long().clamp(1, BINS) - 1
    off = torch.zeros(BINS, dtype=torch.float64).index_add_(0, bins, confidence - right)
    return (off.abs().sum() / len(targets)).item()
