"""A trained checkpoint, made by the project's own training in as little time as will do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.rig.processes import script

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
    model = Model(folder / "model.pth", folder / "classes.json")
    training = script("train.py", env=model.settings(), log=folder / "train.log")
    assert training.wait(TRAIN_LIMIT_S) == 0, str(training)
    return model
