"""Engines: made of checkpoints, warm, and known to be fit to decide."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from velox.base.errors import EngineOutOfMemory, SettingError
from velox.base.thresholds import Thresholds
from velox.consumer.bounds import bounds_of
from velox.consumer.sources.rules import NO_RULES, Sources
from velox.consumer.stages.acceptance import accept
from velox.consumer.stages.targets import unknown_labels
from velox.models import cards
from velox.models.description import Description
from velox.models.engine import graphs
from velox.models.engine.check import Bounds
from velox.models.engine.graphs import Graphs
from velox.models.engine.interface import Engine
from velox.models.engine.kept import Kept

if TYPE_CHECKING:
    import torch

    from velox.models.checkpoint import Checkpoint

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Engines:
    """Makes engines; PyTorch is imported where one cannot be made without.

    Attributes:
        model_path: the checkpoint.
        classes_path: its labels.
        device, precision, compiled, memory_fraction, batch_size: see `TorchEngine`.
        top: labels that each image is given.
        thresholds: from which confidence on an image is a match.
        unknown: share of known images that may be called unknown; None to call none so.
        sources: the rules of single sources as they are now: a precision must go with theirs, too.
    """

    model_path: Path
    classes_path: Path
    device: str
    precision: str
    compiled: bool
    memory_fraction: float
    batch_size: int
    top: int
    thresholds: Thresholds
    unknown: float | None = None
    sources: Callable[[], Sources] = lambda: NO_RULES

    def require_device(self) -> None:
        """Refuse a device that cannot be used.

        Raises:
            SettingError: when there is no such device.
        """
        if not cards.surely_none(self.device):
            self._device()

    def load(self) -> Description:
        """The checkpoint, or, where its graphs are kept and will do, those.

        Raises:
            CheckpointError: when it cannot be used.
        """
        if self._onnx:
            novelty = self.unknown is not None
            kept = graphs.found(self.model_path, self.classes_path, novelty=novelty)
            if kept is not None:
                return kept
        return self._checkpoint()

    def first(self, checkpoint: Description) -> Engine:
        """The engine of the start, which settings that do not go with the model stop.

        Raises:
            SettingError: when a label that has a threshold of its own is not the model's.
            SettingError, CheckpointError: as `later`, but for a model that matches nothing: that is
                logged, and other models may follow.
        """
        unknown = unknown_labels(self.thresholds.of_label, checkpoint.labels)
        if unknown is not None:
            raise SettingError(f"CONFIDENCE_THRESHOLD: {unknown}")
        return self._made(checkpoint)

    def later(self, checkpoint: Description) -> Engine:
        """An engine that takes the place of another.

        Raises:
            CheckpointError: when it is not fit to decide.
            SettingError: when it brings no thresholds, or cannot tell what is unknown, and that is
                asked for; when none of its images would be a match.
        """
        engine = self._made(checkpoint)
        if min(engine.thresholds) > 1:
            engine.close()
            raise SettingError("CONFIDENCE_THRESHOLD=auto: no image would be a match any more")
        return engine

    def _made(self, checkpoint: Description) -> Engine:
        bounds = bounds_of(
            checkpoint,
            self.model_path,
            thresholds=self.thresholds,
            unknown=self.unknown,
            sources=self.sources(),
        )
        engine = self._with_onnx(checkpoint, bounds) if self._onnx else None
        if engine is None:
            engine = self._with_torch(checkpoint, bounds)
        try:
            accept(engine, checkpoint, self.model_path)
        except BaseException:
            engine.close()
            raise
        if engine.reference is None:
            log.info(
                "the model has no reference, so there is no expected accuracy and no drift to "
                "show: train it once more to have them model=%s",
                engine.digest,
            )
        return engine

    @property
    def _onnx(self) -> bool:
        """Whether ONNX Runtime will do."""
        if self.precision not in graphs.PRECISIONS or not graphs.can_run():
            return False
        return cards.surely_none(self.device) or self._device().type == "cpu"

    def _device(self) -> torch.device:
        from velox.models.device import select_device

        return select_device(self.device)

    def _checkpoint(self) -> Checkpoint:
        from velox.models.checkpoint import load

        found = load(self.model_path, self.classes_path)
        # What nobody asks for is not computed.
        if self.unknown is not None or found.novelty is None:
            return found
        return replace(found, novelty=None)

    def _with_onnx(self, model: Description, bounds: Bounds) -> Engine | None:
        """An engine of a model's graphs, None where it cannot be."""
        kept = Kept(self.model_path)
        try:
            # Each takes a while to import.
            from velox.models.engine.onnx_engine import OnnxEngine

            if isinstance(model, Graphs):
                found: Graphs | None = model
            else:
                from velox.models.engine.export import made

                found = made(cast("Checkpoint", model), kept)
            if found is None:
                return None
            return OnnxEngine(
                found,
                precision=self.precision,
                batch_size=self.batch_size,
                **vars(bounds),
                top=self.top,
                kept=kept,
            )
        except (EngineOutOfMemory, MemoryError):
            raise
        except Exception as error:
            # ONNX Runtime has no exceptions that are documented.
            log.warning("ONNX Runtime is not used: %s", (str(error) or repr(error)).splitlines()[0])
            return None

    def _with_torch(self, model: Description, bounds: Bounds) -> Engine:
        from velox.models.engine.torch_engine import TorchEngine

        checkpoint = self._checkpoint() if isinstance(model, Graphs) else cast("Checkpoint", model)
        return TorchEngine(
            checkpoint,
            device=self._device(),
            precision=self.precision,
            compiled=self.compiled,
            memory_fraction=self.memory_fraction,
            batch_size=self.batch_size,
            **vars(bounds),
            top=self.top,
            kept=Kept(self.model_path),
        )
