"""What a consumer compares its images with: how those of training look, and are decided."""

from __future__ import annotations

import math
import threading

import numpy as np
import torch
from numpy.typing import NDArray

from velox.base.reference import LOOKS, Reference, Usual
from velox.base.waiting import Stopped
from velox.images.appearance import looks
from velox.training.calibration import Decisions
from velox.training.data.dataset import Splits
from velox.training.recalibration import recalibration_of

# Enough that the reference itself is not what chance does most.
MOST_IMAGES = 4000
_BATCH = 64
_BINS = 10
# Edges are no closer: a processor that rounds otherwise changes no bin. A three-hundredth of the
# light is not to be seen.
_CLOSEST = 0.003


def reference_of(
    splits: Splits, decisions: Decisions, *, seed: int, stop: threading.Event
) -> Reference:
    """The reference of a training.

    How images look, nothing is learned from: those of all parts count, `MOST_IMAGES` at most. How
    they are decided is that of unseen images alone.

    Args:
        splits: the images.
        decisions: on images that the network did not learn from.
        seed: of the choice where there are many images.
        stop: ends it early.

    Raises:
        Stopped: when told to stop.
    """
    found = {"confidence": usual(decisions.confidences.numpy())}
    seen = _looks(splits, seed, stop)
    found |= {name: usual(seen[:, column]) for column, name in enumerate(LOOKS)}
    counts = torch.bincount(decisions.called, minlength=len(splits.training.labels))
    return Reference(tuple(counts.tolist()), found, recalibration_of(decisions))


def _looks(splits: Splits, seed: int, stop: threading.Event) -> NDArray[np.float32]:
    share = min(1.0, MOST_IMAGES / sum(map(len, splits)))
    found = []
    for data in splits:
        order = np.random.default_rng(seed).permutation(len(data))
        rows = np.sort(order[: math.ceil(share * len(data))])
        for first in range(0, len(rows), _BATCH):
            if stop.is_set():
                raise Stopped("stopped while the images were looked at; no model was written")
            pixels, _ = data.take(rows[first : first + _BATCH])
            found.append(looks(pixels))
    return np.concatenate(found)


def usual(values: NDArray[np.float32]) -> Usual:
    """The distribution of a signal in bins of as many values each, as far as there are so many.

    Two more lie below the least value and above the greatest: what is equal in all images of the
    training may differ later.

    Args:
        values: float32 [N], at least one.
    """
    least, most = float(values.min()), float(values.max())
    edges = [least - _CLOSEST]
    for edge in np.quantile(values, np.arange(1, _BINS) / _BINS).tolist():
        if max(edges[-1], least) + _CLOSEST <= edge <= most - _CLOSEST:
            edges.append(edge)
    edges.append(most + _CLOSEST)
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return Usual(tuple(edges), tuple(counts.tolist()), float(values.mean(dtype=float)))
