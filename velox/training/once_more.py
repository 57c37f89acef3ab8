"""The last layer once more, from the validation images too, where fine-tuning betters nothing.

By then they have done their work, and of a few images each counts. Test images stay unseen.
"""

from __future__ import annotations

import logging
import threading
from functools import partial

import numpy as np
import torch
from torch import nn

from velox.base.terminal import Progress
from velox.training.calibration import Unseen
from velox.training.crossed import answers
from velox.training.data.dataset import Dataset, Splits
from velox.training.evaluation import Inputs
from velox.training.features import features_of
from velox.training.last_layer import Taught, solved

log = logging.getLogger(__name__)


def taught_by(splits: Splits, taught: Taught) -> Dataset:
    """The images that such a layer is taught by."""
    return Dataset.joined((splits.training.subset(taught.rows), splits.validation))


def teach_once_more(
    network: nn.Module,
    splits: Splits,
    taught: Taught,
    *,
    inputs: Inputs,
    seed: int,
    progress: Progress,
    stop: threading.Event,
) -> Unseen:
    """Give a network the last layer that training and validation images together ask for.

    Args:
        network: as it was when `taught` was learned.
        splits: of which the test images are not looked at.
        taught: the features of training images, and the penalty that was chosen on them.
        inputs: how images are given to the network.
        seed: of the folds.
        progress: told how far it is.
        stop: ends it early.

    Returns:
        Answers for each of these images, of layers that had not learned from it.

    Raises:
        Stopped: when told to stop.
    """
    classes = len(splits.training.labels)
    more = features_of(
        network,
        taught.last,
        splits.validation,
        np.arange(len(splits.validation)),
        inputs=inputs,
        stop=stop,
        on_progress=partial(progress.show, "features"),
    )
    features = torch.cat((taught.features, more))
    data = taught_by(splits, taught)
    weight, bias = solved(
        features, torch.from_numpy(data.targets), classes=classes, penalty=taught.penalty
    )
    with torch.no_grad():
        taught.last.weight.copy_(weight)
        taught.last.bias.copy_(bias)
    log.info("last layer learned once more, with the validation images: images=%d", len(data))
    return Unseen(answers(features, data, taught.penalty, seed), data.targets, data.groups)
