"""A last layer on frozen features: all that a few images can teach.

The features of each image, the input of the last layer, are computed once. A logistic regression on
them takes seconds. How strongly its weights are held down is chosen by cross-validation, so that no
image is spent on it.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from velox.base.terminal import Progress
from velox.training.data.dataset import Dataset, Indices
from velox.training.evaluation import Inputs
from velox.training.features import features_of, last_linear

# More teach the last layer hardly anything, and would take memory and time.
MOST_IMAGES = 10_000
FOLDS = 5
# From here on one fold says enough.
MANY = 2_000
# Of the sum of the squared weights, on features of mean 0 and deviation 1; the strongest first, so
# that each solution is where the next one starts.
PENALTIES = (1.0, 0.3, 0.1, 0.03, 0.01)
ITERATIONS = 40
# Of the mean deviation: features that hardly vary are not blown up.
LEAST_DEVIATION = 0.01

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LastLayer:
    """What was learned of the features.

    Attributes:
        weight, bias: of the layer, float32 [C, D] and [C].
        penalty: the one of `PENALTIES` that was chosen.
        loss, accuracy: of the images by layers that had not learned from them.
    """

    weight: Tensor
    bias: Tensor
    penalty: float
    loss: float
    accuracy: float


class Taught(NamedTuple):
    """What a last layer learned from.

    Attributes:
        rows: int64 [K], positions of the images in their data set.
        features: float32 [K, D].
        penalty: the one of `PENALTIES` that was chosen.
        last: the layer, of the network.
    """

    rows: Indices
    features: Tensor
    penalty: float
    last: nn.Linear


def fit_last_layer(features: Tensor, targets: Tensor, *, classes: int, seed: int) -> LastLayer:
    """Learn a last layer; each label has the same weight.

    Args:
        features: float32 [N, D].
        targets: int64 [N], at least two of each label.
        classes: C.
        seed: of the folds.
    """
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(targets)))
    fold = torch.empty_like(order)
    # Of each label as many in every fold as can be.
    fold[order[torch.argsort(targets[order], stable=True)]] = torch.arange(len(targets)) % FOLDS
    tried = range(FOLDS if len(targets) < MANY else 1)
    answers = torch.zeros(len(PENALTIES), len(targets), classes)
    for each in tried:
        out = fold == each
        for number, (weight, bias) in enumerate(
            _solved(features[~out], targets[~out], classes, PENALTIES)
        ):
            answers[number, out] = features[out] @ weight.T + bias
    judged = fold < len(tried)
    losses = [
        _loss(each[judged], targets[judged], _weights(targets, classes)).item() for each in answers
    ]
    best = int(np.argmin(losses))
    *_, (weight, bias) = _solved(features, targets, classes, PENALTIES[: best + 1])
    right = answers[best, judged].argmax(dim=1) == targets[judged]
    return LastLayer(weight, bias, PENALTIES[best], losses[best], right.double().mean().item())


def solved(
    features: Tensor, targets: Tensor, *, classes: int, penalty: float
) -> tuple[Tensor, Tensor]:
    """Weight and bias of a last layer, float32 [C, D] and [C], for one of `PENALTIES`."""
    stronger = tuple(each for each in PENALTIES if each >= penalty)
    return _solved(features, targets, classes, stronger)[-1]


def _weights(targets: Tensor, classes: int) -> Tensor:
    counts = torch.bincount(targets, minlength=classes).clamp(min=1)
    return len(targets) / (classes * counts)


def _loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    return functional.cross_entropy(logits, targets, weight=weights)


def _solved(
    features: Tensor, targets: Tensor, classes: int, penalties: tuple[float, ...]
) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias for each penalty, by L-BFGS."""
    mean = features.mean(dim=0)
    deviation = features.std(dim=0, correction=0)
    deviation = deviation + LEAST_DEVIATION * deviation.mean() + torch.finfo(torch.float32).tiny
    scaled = (features - mean) / deviation
    weights = _weights(targets, classes)
    weight = torch.zeros(classes, features.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    found = []
    for penalty in penalties:
        solver = torch.optim.LBFGS(
            [weight, bias],
            max_iter=ITERATIONS,
            tolerance_grad=1e-4,
            tolerance_change=1e-5,
            line_search_fn="strong_wolfe",
        )

        def closure(penalty: float = penalty, solver: torch.optim.LBFGS = solver) -> Tensor:
            solver.zero_grad()
            loss = _loss(scaled @ weight.T + bias, targets, weights)
            loss = loss + penalty / 2 * weight.square().sum()
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        solver.step(closure)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            plain = weight / deviation
            found.append((plain, bias - plain @ mean))
    return found


def teach_last_layer(
    network: nn.Module,
    data: Dataset,
    *,
    inputs: Inputs,
    seed: int,
    progress: Progress,
    stop: threading.Event,
) -> Taught | None:
    """Give a network the last layer that the features of a data set ask for.

    Args:
        network: knows images; one whose last layer is not linear stays as it is.
        data: to learn from, or so many of its images that they are enough.
        inputs: how images are given to the network.
        seed: of the choice of images, and of the folds.
        progress: told how far it is.
        stop: ends it early.

    Returns:
        The features that were learned from; None where the last layer is not linear.

    Raises:
        Stopped: when told to stop.
    """
    classes = len(data.labels)
    last = last_linear(network, classes)
    if last is None:
        return None
    rows = np.sort(np.random.default_rng(seed).permutation(len(data))[:MOST_IMAGES])
    features = features_of(
        network,
        last,
        data,
        rows,
        inputs=inputs,
        stop=stop,
        on_progress=partial(progress.show, "features"),
    )
    found = fit_last_layer(
        features, torch.from_numpy(data.targets[rows]), classes=classes, seed=seed
    )
    with torch.no_grad():
        last.weight.copy_(found.weight)
        last.bias.copy_(found.bias)
    log.info(
        "last layer learned images=%d cross_validated_accuracy=%.4f cross_validated_loss=%.4f "
        "penalty=%g",
        len(rows),
        found.accuracy,
        found.loss,
        found.penalty,
    )
    return Taught(rows, features, found.penalty, last)
