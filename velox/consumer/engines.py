"""Engines: made of checkpoints, warm, and known to be fit to decide."""

from __future__ import annotations

import logging
import math
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

MOST_NAMED = 5

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Engines:
    """Makes engines.

    Attributes:
        model_path: the checkpoint's file, for messages.
        device, precision, compiled, memory_fraction, batch_size: see `TorchEngine`.
        top: labels that each image is given.
        thresholds: from which confidence on an image is a match.
    """

    model_path: Path
    device: str
    precision: str
    compiled: bool
    memory_fraction: float
    batch_size: int
    top: int
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
            SettingError: when it brings no thresholds, and they are asked for.
        """
        engine = TorchEngine(
            checkpoint,
            device=select_device(self.device),
            precision=self.precision,
            compiled=self.compiled,
            memory_fraction=self.memory_fraction,
            batch_size=self.batch_size,
            thresholds=self._thresholds(checkpoint),
            top=self.top,
        )
        try:
            accept(engine, checkpoint, self.model_path)
        except BaseException:
            engine.close()
            raise
        return engine

    def _thresholds(self, checkpoint: Checkpoint) -> tuple[float, ...]:
        if self.thresholds.general is not None:
            return self.thresholds.of(checkpoint.labels)
        if (measured := checkpoint.thresholds) is None:
            raise SettingError(
                f"CONFIDENCE_THRESHOLD=auto: {self.model_path} has no thresholds of its own; train "
                "it once more, or give a number, as CONFIDENCE_THRESHOLD=0.9"
            )
        found = self.thresholds.of(checkpoint.labels, measured.of_labels)
        never = [each for each, at in zip(checkpoint.labels, found, strict=True) if at > 1]
        log.info(
            "thresholds of the model precision=%g labels=%d from=%g to=%g",
            measured.precision,
            len(found) - len(never),
            min(found),
            max((at for at in found if at <= 1), default=math.inf),
        )
        if never:
            more = f" and {len(never) - MOST_NAMED} more" if len(never) > MOST_NAMED else ""
            log.warning(
                "CONFIDENCE_THRESHOLD=auto: never matched: %s%s; the model's report says why",
                ", ".join(map(repr, never[:MOST_NAMED])),
                more,
            )
        return found
