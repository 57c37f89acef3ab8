"""Cross-validation of the last layer: what few images can teach, judged on every one of them.

The images are dealt into folds, nearly the same ones into one. Each fold is judged by a last layer
that has learned from the other folds alone, on features of the weights that the training starts
from. Those have seen none of the images, so the judgement is honest, and it costs seconds; all that
it takes from outside a fold is how strongly weights are held down. It is of the last layer on these
features: fine-tuning, which is kept only where validation is better for it, is not in it. As the
folds share images, its interval is a little too narrow (Y. Bengio and Y. Grandvalet, "No unbiased
estimator of the variance of k-fold cross-validation", 2004).
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from velox.base.terminal import Progress
from velox.training.calibration import fit_temperature
from velox.training.data.dataset import Dataset, Splits
from velox.training.data.split import folds
from velox.training.evaluation import Inputs
from velox.training.features import features_of, last_linear
from velox.training.judgement import Judgement, Wrong, judge
from velox.training.last_layer import FOLDS, Taught, solved

# Test images of a label from which they are enough to judge by.
ENOUGH = 50
# Where they are, cross-validation only looks for wrong labels, among so many.
SOME = 2_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Crossed:
    """What cross-validation found.

    Attributes:
        judgement: of all images; None where the test images are enough to judge by.
        data: the images that were looked at.
        doubtful: those that are likely to have a wrong label, the surest first.
    """

    judgement: Judgement | None
    data: Dataset
    doubtful: tuple[Wrong, ...]


def cross_validated(
    network: nn.Module,
    splits: Splits,
    taught: Taught,
    *,
    inputs: Inputs,
    seed: int,
    progress: Progress,
    stop: threading.Event,
) -> Crossed:
    """Cross-validate the last layer of a network that has not been fine-tuned.

    Args:
        network: whose last layer is linear.
        splits: all images, if they are few; some of the training images otherwise.
        taught: the features that are known of the training images.
        inputs: how images are given to the network.
        seed: of the folds.
        progress: told how far it is.
        stop: ends it early.

    Raises:
        Stopped: when told to stop.
    """
    few = int(splits.test.counts().min()) < ENOUGH
    data, features = splits.training.subset(taught.rows), taught.features
    last = last_linear(network, len(data.labels))
    if few and last is not None:
        others = Dataset.joined((splits.validation, splits.test))
        rest = features_of(
            network,
            last,
            others,
            np.arange(len(others)),
            inputs=inputs,
            stop=stop,
            on_progress=partial(progress.show, "features"),
        )
        data, features = Dataset.joined((data, others)), torch.cat((features, rest))
    else:
        some = np.sort(np.random.default_rng(seed).permutation(len(data))[:SOME])
        data, features = data.subset(some), features[torch.from_numpy(some)]
    logits = answers(features, data, taught.penalty, seed)
    targets = torch.from_numpy(data.targets)
    temperature = fit_temperature(logits, targets)
    found = judge(logits, targets, labels=data.labels, temperature=temperature)
    log.info(
        "cross-validated images=%d accuracy=%.4f interval=%.4f-%.4f",
        found.images,
        found.accuracy,
        *found.interval,
    )
    return Crossed(
        judgement=found if few else None,
        data=data,
        doubtful=_doubtful(found, logits / temperature, targets),
    )


def answers(features: Tensor, data: Dataset, penalty: float, seed: int) -> Tensor:
    """For each image the logits of a layer that has not learned from it, float32 [N, C]."""
    fold = torch.from_numpy(folds(data, FOLDS, seed))
    targets, classes = torch.from_numpy(data.targets), len(data.labels)
    answers = torch.zeros(len(data), classes)
    for each in range(FOLDS):
        out = fold == each
        weight, bias = solved(features[~out], targets[~out], classes=classes, penalty=penalty)
        answers[out] = features[out] @ weight.T + bias
    return answers


def _doubtful(found: Judgement, logits: Tensor, targets: Tensor) -> tuple[Wrong, ...]:
    """Images that are called something else as surely as those that have that label are.

    C. Northcutt, L. Jiang and I. Chuang, "Confident learning", 2021 (arXiv:1911.00068).
    """
    sure = torch.softmax(logits.double(), dim=1)
    usual = [sure[targets == label, label].mean().item() for label in range(sure.shape[1])]
    return tuple(each for each in found.wrong if each.confidence >= usual[each.called])
