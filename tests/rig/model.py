"""A trained checkpoint, made by the project's own training in as little time as will do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.rig.processes import script

TRAIN_LIMIT_S = 900
LABELS = ("red_circle", "red_square", "green_circle", "green_square")


@dataclass(frozen=True)
class Model:
    """Where a checkpoint and its list of labels lie."""

    path: Path
    classes: Path

    @classmethod
    def within(cls, folder: Path) -> Model:
        """With the usual names, in a folder."""
        return cls(folder / "model.pth", folder / "classes.json")

    def settings(self) -> dict[str, str]:
        """The variables that name them."""
        return {"MODEL_PATH": str(self.path), "CLASSES_PATH": str(self.classes)}


def train(model: Model) -> None:
    """Run `train.py` with its defaults."""
    training = script("train.py", env=model.settings(), log=model.path.with_name("train.log"))
    assert training.wait(TRAIN_LIMIT_S) == 0, str(training)
