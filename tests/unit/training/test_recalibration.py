"""The line through the log odds of confidences that says how often they are right."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from velox.base.reference import Recalibration
from velox.monitoring.outlook import expected_right
from velox.training.calibration import Decisions
from velox.training.recalibration import recalibration_of


def decisions(count: int, line: Recalibration, seed: int = 0) -> Decisions:
    """Confidences from 0.5 to 1, that are right as often as the line says."""
    generator = np.random.default_rng(seed)
    confidences = generator.uniform(0.5, 0.9999, count).astype(np.float32)
    right = generator.random(count) < expected_right(confidences, line)
    return Decisions(
        torch.from_numpy(confidences),
        torch.zeros(count, dtype=torch.int64),
        torch.from_numpy(right),
    )


@pytest.mark.parametrize(
    "line", [Recalibration(), Recalibration(0.6, 0.3), Recalibration(1.2, -0.7)]
)
def test_it_finds_the_line_that_made_them(line: Recalibration) -> None:
    found = recalibration_of(decisions(20_000, line))
    assert found.slope == pytest.approx(line.slope, abs=0.06)
    assert found.height == pytest.approx(line.height, abs=0.06)


def test_the_mean_is_the_accuracy_of_the_images_that_it_was_found_on() -> None:
    made = decisions(2000, Recalibration(0.5, -0.5))
    found = recalibration_of(made)
    accuracy = made.right.double().mean().item()
    assert abs(made.confidences.mean().item() - accuracy) > 0.1
    assert expected_right(made.confidences.numpy(), found).mean() == pytest.approx(
        accuracy, abs=0.003
    )


def test_of_a_few_images_the_confidences_are_believed() -> None:
    made = decisions(6, Recalibration())
    for right in ([1, 1, 1, 1, 1, 1], [0, 1, 1, 0, 1, 1]):
        found = recalibration_of(made._replace(right=torch.tensor(right) > 0))
        off = expected_right(np.array([0.9], np.float32), found) - 0.9
        assert abs(off) < 0.06


def test_all_right_with_all_confidence_stays_finite() -> None:
    count = 5000
    sure = Decisions(torch.ones(count), torch.zeros(count), torch.ones(count) > 0)
    found = recalibration_of(sure)
    assert 0.99 < expected_right(np.ones(1, np.float32), found)[0] <= 1
    assert expected_right(np.zeros(1, np.float32), found)[0] < 0.01
