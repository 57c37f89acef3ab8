"""The images that travel with a checkpoint, for its readers to try it by."""

from __future__ import annotations

import numpy as np

from velox.models.samples import Samples
from velox.training.data.dataset import Splits

# Enough to see that one image in two hundred is decided otherwise.
SAMPLES = 500


def samples_of(splits: Splits, seed: int) -> Samples:
    """Images that the network was not trained on, for readers to try a model by.

    Of the test images first, then of the validation images, until there are enough.
    """
    chosen: list[Samples] = []
    for data in (splits.test, splits.validation):
        left = SAMPLES - sum(map(len, chosen))
        rows = np.random.default_rng(seed).permutation(len(data))[:left]
        if len(rows):
            chosen.append(Samples.of(*data.take(rows)))
    return Samples.joined(chosen)
