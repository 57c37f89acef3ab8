"""A checkpoint with random weights, for tests that do not depend on its answers."""

from __future__ import annotations

from pathlib import Path

from tests.rig.model import LABELS, Model
from velox.models import checkpoint as model
from velox.models.architectures import build


def untrained(folder: Path) -> Model:
    """Write one; it takes a second, where training takes a minute."""
    made = Model.within(folder)
    weights = build("mobilenet_v2", len(LABELS)).state_dict()
    checkpoint = model.Checkpoint(
        architecture="mobilenet_v2", labels=LABELS, input_size=96, state_dict=weights
    )
    model.save(checkpoint, made.path, made.classes)
    return made
