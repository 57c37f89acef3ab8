"""How well a score tells two kinds of images apart."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]

RECALL = 0.95


def auroc(known: Scores, others: Scores) -> float:
    """The chance that an image of the others has a higher score than a known one; a tie is half.

    That is the area under the receiver operating characteristic: 0.5 for chance, 1 for apart
    (T. Fawcett, "An introduction to ROC analysis", 2006, section 7).
    """
    rising = np.sort(known)
    below, up_to = (np.searchsorted(rising, others, side) for side in ("left", "right"))
    return float((below + up_to).mean() / 2 / len(rising))


def false_positives(known: Scores, others: Scores, recall: float = RECALL) -> float:
    """The share of known images at or above the score that so large a share of the others reaches.

    The usual figure beside the area (S. Liang et al., "Enhancing the reliability of
    out-of-distribution image detection in neural networks", 2018).
    """
    falling = np.sort(others)[::-1]
    least = falling[math.ceil(recall * len(falling) - 1e-9) - 1]
    return float((known >= least).mean())
