"""Engines: made of checkpoints, warm, and known to be fit to decide."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from velox.base.errors import SettingError
from velox.base.thresholds import Thresholds
from velox.consumer.stages.acceptance import accept
from velox.consumer.stages.targets import unknown_labels
from velox.models.checkpoint import Checkpoint
from velox.models.device import select_device
from velox.models.engine.interface import Engine
from velox.models.engine.torch_engine import TorchEngine


@dataclass(frozen=True, kw_only=True)
class Engines:
    """Makes engines.

    Attributes:
        model_path: the checkpoint's file, for messages.
        device, precision, compiled, memory_fraction, batch_size: see `TorchEngine`.
        thresholds: from which confidence on an image is a match.
    """

    model_path: Path
    device: str
    precision: str
    compiled: bool
    memory_fraction: float
    batch_size: int
    thresholds: Thresholds

    def first(self, checkpoint: Checkpoint) -> Engine:
        """The engine of the start, which settings that do not go with the model stop.

        Raises:
            SettingError: when a label that has a threshold of its own is not the model's.
            CheckpointError: as `later`.
        """
        unknown = unknown_labels(self.thresholds.of_label, checkpoint.labels)
        if unknown is not None:
            raise SettingError(f"CONFIDENCE_THRESHOLD: {unknown}")
        return self.later(checkpoint)

    def later(self, checkpoint: Checkpoint) -> Engine:
        """An engine that takes the place of another.

        Raises:
            CheckpointError: when it is not fit to decide.
        """
        engine = TorchEngine(
            checkpoint,
            device=select_device(self.device),
            precision=self.precision,
            compiled=self.compiled,
            memory_fraction=self.memory_fraction,
            batch_size=self.batch_size,
            thresholds=self.thresholds.of(checkpoint.labels),
        )
        try:
            accept(engine, checkpoint, self.model_path)
        except BaseException:
            engine.close()
            raise
        return engine
