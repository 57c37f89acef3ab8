"""What a trained network is worth, in figures."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from velox.base.interval import Interval, wilson
from velox.training.calibration import (
    NO_DECISIONS,
    Decisions,
    Unseen,
    expected_calibration_error,
    fit_temperature,
)
from velox.training.data.dataset import Splits
from velox.training.evaluation import Inputs, outputs
from velox.training.novelty import Found
from velox.training.thresholds import Promise, promise_of

SURE = 0.90
MOST_WRONG = 200


class Wrong(NamedTuple):
    """An image that was taken for something else.

    Attributes:
        place: of the image among those judged.
        truth, called: indices of its label and of the predicted one.
        confidence: with which.
    """

    place: int
    truth: int
    called: int
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A network's figures on images that decided nothing.

    Attributes:
        labels: in the order of the matrix.
        confusion: int64 [C, C], images by true label (row) and predicted label (column).
        temperature: divides the logits.
        calibration_error: expected calibration error, before the temperature and after.
        sure: share of the images with a confidence of at least 0.90.
        sure_right: share of those that are right; NaN where there are none.
        wrong: the images that are not right, the surest first, `MOST_WRONG` at most.
        promise: thresholds that unseen images gave, not these.
        novelty: how unlike its training images others are, where that was found out.
        matched: int64 [C, 2], of each label the images that are called so at or above its
            threshold, and how many of them are right; all 0 without a promise.
        decisions: on these images and on those that gave the temperature.
    """

    labels: tuple[str, ...]
    confusion: NDArray[np.int64]
    temperature: float
    calibration_error: tuple[float, float]
    sure: float
    sure_right: float
    wrong: tuple[Wrong, ...] = ()
    promise: Promise | None = None
    novelty: Found | None = None
    matched: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    decisions: Decisions = NO_DECISIONS

    @property
    def images(self) -> int:
        """How many there are."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """The share that is right."""
        return float(np.trace(self.confusion) / self.images)

    @property
    def interval(self) -> Interval:
        """What the images leave of the accuracy on others like them, with 95 % certainty."""
        return wilson(int(np.trace(self.confusion)), self.images)

    @property
    def recall_intervals(self) -> list[Interval]:
        """The same for the recall of each label."""
        rows = self.confusion.tolist()
        return [wilson(row[target], sum(row)) for target, row in enumerate(rows)]

    @property
    def commonest(self) -> tuple[str, float]:
        """The label that most of the images have, and the accuracy of always answering it."""
        counts = self.confusion.sum(axis=1)
        return self.labels[int(counts.argmax())], float(counts.max() / self.images)

    @property
    def better(self) -> bool:
        """Whether it is surely better than always answering the commonest label."""
        return self.interval.low > self.commonest[1]

    @property
    def precision(self) -> NDArray[np.float64]:
        """Of the images given each label, the share that has it, float64 [C]; NaN for none."""
        return _shares(np.diag(self.confusion), self.confusion.sum(axis=0))

    @property
    def recall(self) -> NDArray[np.float64]:
        """Of the images that have each label, the share that was given it, float64 [C]."""
        return _shares(np.diag(self.confusion), self.confusion.sum(axis=1))


def _shares(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0))


def judge(
    logits: Tensor,
    targets: Tensor,
    *,
    labels: tuple[str, ...],
    temperature: float,
    promise: Promise | None = None,
) -> Judgement:
    """Judge a network by its logits, float32 [N, C], for images of known targets, int64 [N]."""
    confidence, predicted = torch.softmax(logits.double() / temperature, dim=1).max(dim=1)
    count = len(labels)
    cells = torch.bincount(targets * count + predicted, minlength=count * count)
    sure = confidence >= SURE
    right = (predicted == targets)[sure].double()
    return Judgement(
        labels=labels,
        confusion=cells.reshape(count, count).numpy(),
        temperature=temperature,
        calibration_error=(
            expected_calibration_error(logits, targets, 1.0),
            expected_calibration_error(logits, targets, temperature),
        ),
        sure=sure.double().mean().item(),
        sure_right=right.mean().item(),
        wrong=_wrong(confidence, predicted, targets),
        promise=promise,
        matched=_matched(logits / temperature, targets, promise),
    )


def _matched(scaled: Tensor, targets: Tensor, promise: Promise | None) -> NDArray[np.int64]:
    classes = scaled.shape[1]
    if promise is None:
        return np.zeros((classes, 2), np.int64)
    # In float32, as an engine compares them.
    confidence, called = torch.softmax(scaled, dim=1).max(dim=1)
    least = torch.tensor([math.inf if each.at is None else each.at for each in promise.thresholds])
    match = confidence >= least[called]
    counts = [
        torch.bincount(called[which], minlength=classes)
        for which in (match, match & (called == targets))
    ]
    return torch.stack(counts, dim=1).numpy()


def _wrong(confidence: Tensor, predicted: Tensor, targets: Tensor) -> tuple[Wrong, ...]:
    off = torch.nonzero(predicted != targets).flatten()
    first = off[confidence[off].argsort(descending=True, stable=True)][:MOST_WRONG].tolist()
    return tuple(
        Wrong(each, int(targets[each]), int(predicted[each]), float(confidence[each]))
        for each in first
    )


def judged(
    network: nn.Module,
    splits: Splits,
    inputs: Inputs,
    stop: threading.Event,
    unseen: Unseen | None = None,
    *,
    precision: float,
) -> Judgement:
    """Judge by the test images.

    Args:
        network: to judge.
        splits: its images.
        inputs: how images are given to the network.
        stop: ends it early.
        unseen: what temperature and thresholds are found on; the validation images without.
        precision: that the thresholds are to promise.

    Raises:
        Stopped: when told to stop.
    """
    if unseen is None:
        validation = splits.validation
        logits = outputs(network, validation, inputs=inputs, stop=stop)
        unseen = Unseen(logits, validation.targets, validation.groups)
    temperature = fit_temperature(unseen.logits, torch.from_numpy(unseen.targets))
    logits = outputs(network, splits.test, inputs=inputs, stop=stop)
    found = judge(
        logits,
        torch.from_numpy(splits.test.targets),
        labels=splits.test.labels,
        temperature=temperature,
        promise=promise_of(unseen, temperature, precision),
    )
    every, targets = (
        torch.cat([unseen.logits, logits]),
        torch.from_numpy(np.concatenate([unseen.targets, splits.test.targets])),
    )
    decisions = Decisions.of(every, targets, temperature)
    return replace(found, decisions=decisions)
