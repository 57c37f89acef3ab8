"""Whether the parts of a checkpoint make a model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from velox.images.preprocessing import Preprocessing
from velox.models import novelty
from velox.models.architectures import build
from velox.models.wrappings import is_state_dict

if TYPE_CHECKING:
    from velox.models.checkpoint import Checkpoint
    from velox.models.description import RGB


def require_usable_input(size: int, mean: RGB, std: RGB, preprocessing: Preprocessing) -> None:
    """Raise ValueError where no input can be made so; see `Checkpoint` for what these are."""
    if not all(math.isfinite(each) and each > 0 for each in std):
        raise ValueError("std must be above 0")
    if not all(map(math.isfinite, mean)) or size < 1:
        raise ValueError("mean must be finite and the input size at least 1")
    if 0 < (side := preprocessing.resize_size) < size:
        raise ValueError(f"preprocessing has resize_size={side}, less than the input size {size}")


def require_sound(checkpoint: Checkpoint) -> None:
    """Refuse parts that do not make a model.

    Raises:
        ValueError: saying which.
        SettingError: for an architecture that is none.
    """
    samples = checkpoint.samples
    if len(samples.images) != len(samples.targets):
        raise ValueError("its samples do not have one label each")
    if not (math.isfinite(checkpoint.temperature) and checkpoint.temperature > 0):
        raise ValueError("temperature must be above 0")
    require_usable_input(
        checkpoint.input_size, checkpoint.mean, checkpoint.std, checkpoint.preprocessing
    )
    if not is_state_dict(checkpoint.state_dict):
        raise ValueError("its state_dict is no dict of plain tensors")
    expected = build(checkpoint.architecture, len(checkpoint.labels)).state_dict()
    wrong = sorted(expected.keys() ^ checkpoint.state_dict.keys())
    if wrong:
        raise ValueError(
            f"its weights do not fit {checkpoint.architecture}: {len(wrong)} are missing or "
            f"unknown, the first is {wrong[0]}"
        )
    for name, weight in checkpoint.state_dict.items():
        if weight.shape != expected[name].shape:
            raise ValueError(
                f"{name} has the shape {list(weight.shape)}, but {checkpoint.architecture} with "
                f"{len(checkpoint.labels)} labels needs {list(expected[name].shape)}"
            )
        if not torch.isfinite(weight).all():
            raise ValueError(f"{name} holds values that are not finite")
    if checkpoint.thresholds is not None and not checkpoint.thresholds.fit(len(checkpoint.labels)):
        raise ValueError("its thresholds are not one for each label, from 0 to 1 or None")
    if checkpoint.reference is not None and not checkpoint.reference.fit(len(checkpoint.labels)):
        raise ValueError("its reference does not count images of each label and in each bin")
    _require_sound_novelty(checkpoint)


def _require_sound_novelty(checkpoint: Checkpoint) -> None:
    if (checkpoint.novelty is None) != (checkpoint.unknown is None):
        raise ValueError("it has limits of novelty and nothing to compute it by, or the reverse")
    if checkpoint.novelty is not None:
        if not is_state_dict(checkpoint.novelty):
            raise ValueError("its novelty is no dict of plain tensors")
        novelty.require_sound(checkpoint.novelty, len(checkpoint.labels))
