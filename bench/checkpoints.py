"""Checkpoints to measure with."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.rig.model import LABELS, Model
from velox.model import Checkpoint, build, save


class Checkpoints:
    """Makes what is asked for and is not there yet.

    Speed does not depend on what a model has learnt: the weights are random.

    Args:
        folder: where they lie; with a folder that lasts, so do they.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of_size(self, size: int, architecture: str = "mobilenet_v2") -> Model:
        """A checkpoint with an input of `size` pixels a side."""
        folder = self._folder / f"{architecture}-{size}"
        model = Model(folder / "model.pth", folder / "classes.json")
        if not model.path.exists():
            folder.mkdir(parents=True)
            torch.manual_seed(0)
            network = build(architecture, len(LABELS))
            checkpoint = Checkpoint(
                architecture=architecture,
                labels=LABELS,
                input_size=size,
                state_dict=network.state_dict(),
            )
            save(checkpoint, model.path, model.classes)
        return model
