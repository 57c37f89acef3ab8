"""Checkpoints to measure with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from bench.images import shapes
from tests.rig.model import LABELS, Model
from velox.images.pixels import decode
from velox.models.architectures import build
from velox.models.checkpoint import Checkpoint, restore, save
from velox.models.engine.check import LEAST_SAMPLES
from velox.models.engine.classifier import Classifier
from velox.models.samples import Samples

PIXELS = 50_000_000


class Checkpoints:
    """Makes what is asked for and is not there yet.

    Speed does not depend on what a model has learnt: the weights are random. Its samples have the
    labels that it gives them, so that a precision is refused where it disagrees with float32.

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
            bare = Checkpoint(
                architecture=architecture,
                labels=LABELS,
                input_size=size,
                state_dict=build(architecture, len(LABELS)).state_dict(),
            )
            save(replace(bare, samples=samples_of(bare)), model.path, model.classes)
        return model


@torch.inference_mode()
def samples_of(checkpoint: Checkpoint) -> Samples:
    """Synthetic shapes with the labels that the checkpoint gives them."""
    size = checkpoint.input_size
    pixels = np.stack(
        [decode(data, size=size, max_pixels=PIXELS) for data in shapes(512, LEAST_SAMPLES)]
    )
    encoded = Samples.of(pixels, [0] * len(pixels)).images
    found = torch.from_numpy(Samples(encoded, ()).pixels()).permute(0, 3, 1, 2)
    index, _ = Classifier(restore(checkpoint), checkpoint)(found)
    return Samples(encoded, tuple(index[:, 0].tolist()))
