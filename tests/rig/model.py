"""A trained checkpoint, made by the project's own training in as little time as will do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.rig.processes import script
from velox import model

TRAIN_LIMIT_S = 300
LABELS = ("red_circle", "red_square", "green_circle", "green_square")


@dataclass(frozen=True)
class Model:
    """Where a checkpoint and its list of labels lie."""

    path: Path
    classes: Path

    def settings(self) -> dict[str, str]:
        """The variables that name them."""
        return {"MODEL_PATH": str(self.path), "CLASSES_PATH": str(self.classes)}


def train(folder: Path) -> Model:
    """Run `train.py` with its defaults."""
    trained = Model(folder / "model.pth", folder / "classes.json")
    training = script("train.py", env=trained.settings(), log=folder / "train.log")
    assert training.wait(TRAIN_LIMIT_S) == 0, str(training)
    return trained


def untrained(folder: Path) -> Model:
    """A checkpoint with random weights, for what does not depend on its answers."""
    made = Model(folder / "model.pth", folder / "classes.json")
    weights = model.build("mobilenet_v2", len(LABELS)).state_dict()
    checkpoint = model.Checkpoint(
        architecture="mobilenet_v2", labels=LABELS, input_size=96, state_dict=weights
    )
    model.save(checkpoint, made.path, made.classes)
    return made
