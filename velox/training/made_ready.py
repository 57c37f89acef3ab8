"""What a consumer needs to start without PyTorch, made where PyTorch is at hand."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from velox.models.checkpoint import Checkpoint
from velox.models.engine import graphs
from velox.models.engine.kept import Kept
from velox.models.novelty_limits import AUTO

log = logging.getLogger(__name__)


def make_ready(checkpoint: Checkpoint, model_path: Path) -> None:
    """Keep a checkpoint's graphs for ONNX Runtime beside it, and which of them this machine runs.

    Without the packages of `requirements-onnx.txt` nothing is done. What goes wrong is no reason to
    lose a model: the consumer makes what it does not find.

    Args:
        checkpoint: with its digest; its file need not be there yet.
        model_path: where that will be.
    """
    if not graphs.can_run():
        return
    try:
        from velox.models.engine.export import made
        from velox.models.engine.onnx_engine import OnnxEngine

        kept = Kept(model_path)
        for form, above in _forms(checkpoint):
            if kept.model(form.digest, novelty=form.novelty is not None) is not None:
                continue
            if (found := made(form, kept)) is not None:
                OnnxEngine(found, unknown_above=above, kept=kept).close()
    except Exception as error:
        # The packages raise what they like.
        log.warning("nothing kept for a faster start model=%s: %r", checkpoint.digest, error)


def _forms(checkpoint: Checkpoint) -> Iterator[tuple[Checkpoint, float]]:
    """As consumers run it without UNKNOWN and with UNKNOWN=auto, and what is unknown then."""
    yield replace(checkpoint, novelty=None), math.inf
    if checkpoint.novelty is not None and checkpoint.unknown is not None:
        yield checkpoint, checkpoint.unknown.above(AUTO)
