"""What a consumer needs to start without PyTorch, made where PyTorch is at hand."""

from __future__ import annotations

import logging
from pathlib import Path

from velox.models.checkpoint import Checkpoint
from velox.models.engine import graphs
from velox.models.engine.kept import Kept

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
        if kept.model(checkpoint.digest) is not None:
            return
        if (found := made(checkpoint, kept)) is not None:
            OnnxEngine(found, kept=kept).close()
    except Exception as error:
        # The packages raise what they like.
        log.warning("nothing kept for a faster start model=%s: %r", checkpoint.digest, error)
