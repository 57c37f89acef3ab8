"""What confidences are worth on the whole: how often such decisions are right.

A temperature makes single confidences honest, as far as one number can: their mean may still be off
the accuracy by some points. So a line through their log odds is fitted to what was right (D. R.
Cox, "Two further applications of a model for binary regression", 1958). Of few images it stays near
the confidences themselves, as its slope and height have a normal prior.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from velox.base.reference import SUREST, Recalibration
from velox.training.calibration import Decisions

# Half of the models are expected to be off by less than 0.35 in the log odds: 2 points at 0.95.
_DEVIATION = 0.5
_ROUNDS, _LONGEST_STEP = 100, 1.0


def recalibration_of(decisions: Decisions) -> Recalibration:
    """The line that suits decisions on unseen images best."""
    confidences = decisions.confidences.double().clamp(1 - SUREST, SUREST).numpy()
    odds = np.stack([np.log(confidences / (1 - confidences)), np.ones(len(confidences))], axis=1)
    slope, height = _fitted(odds, decisions.right.double().numpy())
    return Recalibration(float(slope), float(height))


def _fitted(odds: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """By Newton's method, whose steps are kept short; the likelihood has one maximum."""
    usual = np.array([1.0, 0.0])
    line, prior = usual.copy(), np.eye(2) / _DEVIATION**2
    for _ in range(_ROUNDS):
        expected = 1 / (1 + np.exp(-odds @ line))
        upward = odds.T @ (right - expected) - prior @ (line - usual)
        curved = (odds * (expected * (1 - expected))[:, None]).T @ odds + prior
        step = np.linalg.solve(curved, upward)
        line += step / max(1.0, float(np.linalg.norm(step)) / _LONGEST_STEP)
    return line
