"""A training that the system ends: the error says what could not be done, and with which file."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from velox.base.errors import TrainingFailed
from velox.settings.training import TrainSettings
from velox.training import run


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            PermissionError(13, "Permission denied", "/models/model.pth"),
            r"^\[Errno 13\] Permission denied: '/models/model.pth'; no model was written$",
        ),
        (OSError("the file is cut short"), r"^the file is cut short; no model was written$"),
    ],
)
def test_an_error_of_the_system_is_told_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(run, "run", fail)
    settings = TrainSettings.load(
        {
            "MODEL_PATH": str(tmp_path / "model.pth"),
            "CLASSES_PATH": str(tmp_path / "classes.json"),
            "DEVICE": "cpu",
        }
    )
    with pytest.raises(TrainingFailed, match=said):
        run.train(settings, threading.Event(), if_missing=False)
