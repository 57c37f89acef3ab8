"""Batch normalisation's statistics, made those of the images at hand.

Known weights bring the statistics of the images that they were trained on. Fine-tuning with
statistics of each batch would begin with another network than the one whose last layer was learned.
"""

from __future__ import annotations

import threading

import numpy as np
import torch
from torch import nn

from velox.base.waiting import Stopped
from velox.training.data.dataset import Dataset
from velox.training.evaluation import Inputs

# Of images in random order; as many make a mean that does not change any more.
IMAGES = 2_000
BATCH = 64


def renew_statistics(
    network: nn.Module, data: Dataset, *, inputs: Inputs, seed: int, stop: threading.Event
) -> None:
    """Take the means and variances of a data set in the place of the network's own.

    Those of all batches count alike (`momentum=None` of `torch.nn.BatchNorm2d`). A network without
    batch normalisation stays as it is.

    Raises:
        Stopped: when told to stop.
    """
    network.to(inputs.device).eval()
    layers = [
        each for each in network.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)
    ]
    momenta = [each.momentum for each in layers]
    rows = np.random.default_rng(seed).permutation(len(data))[:IMAGES]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    with torch.inference_mode():
        for batch in np.array_split(rows, max(1, len(rows) // BATCH)) if layers else ():
            if stop.is_set():
                raise Stopped("stopped while training; no model was written")
            network(inputs.of(data.take(batch)[0]))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    network.eval()
