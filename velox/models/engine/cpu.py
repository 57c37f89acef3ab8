"""The engine on the CPU: a model in its best form, run in parts on all cores."""

from __future__ import annotations

import gc
import logging
from functools import partial

import torch
from torch import Tensor

from velox.base.machine import release_free_memory, usable_cores
from velox.models.checkpoint import Checkpoint
from velox.models.engine.check import Bounds, require_same_decisions
from velox.models.engine.classifier import Answer
from velox.models.engine.forms import Choice, trial_pixels
from velox.models.engine.kept import Kept
from velox.models.engine.workers import Workers

log = logging.getLogger(__name__)


class CpuBackend:
    """Runs a checkpoint on the CPU.

    Args:
        checkpoint: what to run.
        precision: fp32, bf16, int8, or auto for the fastest of them that is right enough.
        bounds: what images are decided by.
        top: labels that each image is given.
        kept: where what was chosen is kept, and found again.

    Attributes:
        precision: that is used: fp32 where the one asked for is refused, which is logged.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        precision: str,
        *,
        bounds: Bounds,
        top: int = 1,
        kept: Kept | None = None,
    ) -> None:
        self._workers = Workers(min(usable_cores(), torch.get_num_threads()))
        size = checkpoint.input_size
        asked = {
            "runtime": "torch",
            "precision": precision,
            "cores": self._workers.cores,
            **bounds.plain(),
        }
        known = kept.choice(checkpoint.digest, asked) if kept is not None else {}
        with torch.inference_mode():
            judge = partial(require_same_decisions, bounds=bounds)
            choice = Choice(checkpoint, self._workers, top=top, judge=judge)
            form = choice.again(known) or choice.best(precision)
        single = self._workers.settle_single(
            form.run, trial_pixels(size)[:1], known=known.get("single")
        )
        if kept is not None and choice.settled and not known:
            found = {"precision": form.precision, "form": form.name, "single": single}
            kept.keep_choice(checkpoint.digest, asked, found)
        log.info("CPU cores used batch=%d single_image=%d", self._workers.cores, single)
        self.precision = form.precision
        self._run = form.run
        self._part = form.part(size)
        # What was tried and not chosen took several times what the chosen one does.
        del choice
        gc.collect()
        release_free_memory()

    def __call__(self, pixels: Tensor) -> Answer:
        """Classify uint8 [N, S, S, 3]."""
        # The view [N, 3, S, S] of channels-last memory costs nothing.
        return self._workers.run(self._run, pixels.permute(0, 3, 1, 2), self._part)

    def memory(self) -> dict[str, int]:
        """There is no device."""
        return {}

    def close(self) -> None:
        """End the threads."""
        self._workers.close()
