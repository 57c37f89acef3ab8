"""The reference that travels with a checkpoint."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from velox.base.reference import SIGNALS, Reference
from velox.base.waiting import Stopped
from velox.images.appearance import looks
from velox.training.calibration import Decisions
from velox.training.data.dataset import Dataset, Held, Splits
from velox.training.reference import MOST_IMAGES, reference_of, usual

LABELS = ("cat", "dog", "owl")


def splits(images: int) -> tuple[Splits, np.ndarray]:
    """Three parts that are held apart, as drawn shapes are."""
    pixels = np.random.default_rng(0).integers(0, 256, (3, images, 8, 8, 3)).astype(np.uint8)
    parts = [
        Dataset(Held(each), np.arange(images), np.zeros(images, np.int64), LABELS)
        for each in pixels
    ]
    return Splits(*parts), pixels.reshape(-1, 8, 8, 3)


def decisions(count: int) -> Decisions:
    logits = torch.randn((count, 3), generator=torch.Generator().manual_seed(0))
    logits[:, 2] -= 100
    return Decisions.of(logits, logits.argmax(dim=1), 0.5)


def test_it_counts_how_unseen_images_are_decided_and_how_all_look() -> None:
    parts, pixels = splits(40)
    made = decisions(50)
    found = reference_of(parts, made, seed=1, stop=threading.Event())
    assert found.fit(len(LABELS))
    assert found.called == (int((made.called == 0).sum()), int((made.called == 1).sum()), 0)
    assert set(found.signals) == set(SIGNALS)
    assert sum(found.signals["confidence"].counts) == 50
    assert sum(found.signals["contrast"].counts) == 120
    assert found.signals["contrast"].mean == pytest.approx(looks(pixels)[:, 1].mean(), abs=1e-6)
    assert Reference.of(found.as_dict()) == found


def test_of_many_images_some_are_looked_at_of_each_part() -> None:
    parts, _ = splits(MOST_IMAGES)
    found = reference_of(parts, decisions(9), seed=1, stop=threading.Event())
    assert MOST_IMAGES <= sum(found.signals["sharpness"].counts) <= MOST_IMAGES + 3


def test_it_ends_when_told() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        reference_of(splits(3)[0], decisions(9), seed=1, stop=stop)


def test_bins_hold_as_many_values_each_and_the_outer_two_none() -> None:
    values = np.random.default_rng(0).random(1000).astype(np.float32)
    found = usual(values)
    assert found.counts[0] == found.counts[-1] == 0
    assert all(95 <= each <= 105 for each in found.counts[1:-1])
    assert len(found.counts) == 12
    assert found.sound


def test_values_that_are_all_the_same_leave_three_bins() -> None:
    found = usual(np.full(100, 0.25, np.float32))
    assert found.counts == (0, 100, 0)
    assert found.edges[0] < 0.25 < found.edges[1]


def test_edges_are_never_closer_than_a_rounding() -> None:
    """Confidences of a sure model: nine in ten are all but 1."""
    values = np.concatenate([np.full(900, 0.9999), np.linspace(0.3, 0.9, 100)]).astype(np.float32)
    found = usual(values)
    assert min(np.diff(found.edges)) >= 0.003 - 1e-9
    assert sum(found.counts) == 1000
