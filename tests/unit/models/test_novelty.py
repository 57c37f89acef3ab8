"""The novelty of an image, against the formulas of its sources, and what makes one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from velox.models.novelty import DEVIATIONS, MEANS, Novelty, measures, novelty, ready, require_sound

COVARIANCE = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 2.0]])
CENTRES = np.array([[0.0, 1.0, 2.0], [3.0, -1.0, 0.5]])


def tensors() -> dict[str, Tensor]:
    """Of three numbers: two directions have a variance of their own, one has the rest's."""
    variances, vectors = np.linalg.eigh(COVARIANCE)
    rest, along = variances[0], variances[1:]
    shift = np.array([0.5, 0.25, -1.0])
    directions = vectors[:, 1:] * np.sqrt(1 - rest / along)
    given = {
        "shift": shift,
        "scale": np.full(3, 1 / math.sqrt(rest)),
        "centres": (CENTRES - shift) / math.sqrt(rest),
        "directions": directions,
        MEANS: np.array([1.0, -2.0]),
        DEVIATIONS: np.array([0.5, 2.0]),
    }
    return {name: torch.tensor(each, dtype=torch.float32) for name, each in given.items()}


def test_the_distance_is_that_of_mahalanobis_to_the_nearest_label() -> None:
    """Equation 2 of K. Lee et al., 2018: the score is the nearest label's Mahalanobis distance."""
    numbers = np.random.default_rng(0).normal(size=(50, 3)) * 3
    logits = torch.zeros(50, 2)
    away = numbers[:, None] - CENTRES
    expected = np.einsum("ncd,de,nce->nc", away, np.linalg.inv(COVARIANCE), away).min(axis=1)
    found = measures(ready(tensors()), logits, torch.tensor(numbers, dtype=torch.float32), 1.0)
    np.testing.assert_allclose(found[:, 0].exp(), expected, rtol=1e-3)


def test_the_energy_is_that_of_the_logits() -> None:
    """Equation 4 of W. Liu et al., 2020, divided by the temperature: -log sum exp(f / T)."""
    logits = torch.tensor([[2.0, 0.0], [-1.0, 5.0]])
    found = measures(ready(tensors()), logits, torch.zeros(2, 3), 2.0)[:, 1]
    expected = [-math.log(math.exp(1) + 1), -math.log(math.exp(-0.5) + math.exp(2.5))]
    assert found.tolist() == pytest.approx(expected)


def test_it_stays_in_float32_whatever_the_network_is_in() -> None:
    compute = Novelty(tensors(), 1.0).half().bfloat16()
    held = dict(compute.named_buffers())
    expected = ready(tensors())
    assert held.keys() == expected.keys()
    assert all(torch.equal(held[name], each) for name, each in expected.items())


def without(name: str) -> dict[str, Tensor]:
    return {each: value for each, value in tensors().items() if each != name}


@pytest.mark.parametrize(
    ("spoiled", "words"),
    [
        ({}, "lacks tensors"),
        (without("directions"), "lacks tensors"),
        (without(MEANS), "lacks tensors"),
        (tensors() | {"more": torch.zeros(3)}, "has others"),
        (tensors() | {"scale": torch.ones(2)}, r"scale of its novelty has the shape \[2\]"),
        (tensors() | {"centres": torch.ones(3, 3)}, r"centres .* the shape \[3, 3\]"),
        (tensors() | {"directions": torch.ones(2, 3)}, r"directions .* the shape \[2, 3\]"),
        (tensors() | {"directions": torch.ones(3)}, r"directions .* the shape \[3\]"),
        (tensors() | {MEANS: torch.tensor(1.0)}, r"means .* the shape \[\]"),
        (tensors() | {DEVIATIONS: torch.ones(3)}, r"deviations .* the shape \[3\]"),
        (tensors() | {DEVIATIONS: torch.zeros(2)}, "not above 0"),
        (tensors() | {"shift": torch.full((3,), math.nan)}, "not finite"),
    ],
)
def test_what_is_none_is_refused(spoiled: dict[str, Tensor], words: str) -> None:
    require_sound(tensors(), 2)
    with pytest.raises(ValueError, match=words):
        require_sound(spoiled, 2)


def test_one_striking_measure_is_enough() -> None:
    means, deviations = torch.tensor([3.0, 2.0]), torch.tensor([1.0, 5.0])
    found = novelty(torch.tensor([[3.0, 2.0], [13.0, 2.0], [3.0, 52.0]]), means, deviations)
    assert found.tolist() == pytest.approx([math.log(2), 10, 10], abs=1e-3)
