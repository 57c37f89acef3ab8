"""The state of a training between two epochs, kept beside the checkpoint until that is written."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from velox.base.files import write_whole

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class State:
    """Where a training stands.

    Attributes:
        epochs: that are done.
        trainer: see `velox.training.trainer.Trainer.state`.
        best: weights of the best epoch.
        best_epoch: its number, from 0.
        best_loss: its loss on the validation images.
    """

    epochs: int
    trainer: dict[str, Any]
    best: dict[str, Any]
    best_epoch: int
    best_loss: float


class StateFile:
    """Keeps a state in a file, whole or not at all.

    Args:
        path: of the file.
        fingerprint: of the data and of the settings that the result depends on; a file of another
            training is not used.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._path = path
        self._fingerprint = fingerprint

    def load(self) -> State | None:
        """The state of this training, None where there is none to go on from."""
        try:
            content = torch.load(self._path, map_location="cpu", weights_only=True)
            if content.pop("fingerprint") == self._fingerprint:
                return State(**content)
            reason = "it belongs to other data or settings"
        except FileNotFoundError:
            return None
        except Exception as error:
            # What torch raises for a broken file is documented nowhere, and the file is our own.
            reason = str(error).partition("\n")[0]
        log.warning("not resuming from=%s reason=%r", self._path, reason)
        return None

    def save(self, state: State) -> None:
        """Write a state over the last one.

        Raises:
            OSError: when it cannot be written.
        """
        buffer = io.BytesIO()
        torch.save({"fingerprint": self._fingerprint} | vars(state), buffer)
        write_whole(self._path, buffer.getvalue())

    def remove(self) -> None:
        """Delete the file, where there is one."""
        self._path.unlink(missing_ok=True)
