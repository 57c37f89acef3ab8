"""The engine that runs a checkpoint's graphs with ONNX Runtime on the CPU, without PyTorch."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import numpy as np

from velox.base.machine import release_free_memory, usable_cores
from velox.models.engine.check import THRESHOLD, Bounds
from velox.models.engine.graphs import Graphs
from velox.models.engine.interface import Images, Predictions
from velox.models.engine.kept import Kept
from velox.models.engine.onnx_choice import AUTO, best
from velox.models.engine.onnx_form import OnnxForm
from velox.models.engine.out_of_memory import out_of_memory
from velox.models.engine.parts import FLOAT32, INT8

log = logging.getLogger(__name__)


class OnnxEngine:
    """An engine that runs graphs with ONNX Runtime; see `Engine`.

    Args:
        graphs: the model.
        precision: fp32, int8, or auto for the faster of them that is right enough.
        batch_size: the largest batch that is to be fast; larger ones work too.
        thresholds: of each label, the confidence at which an image is a match, 0.9 without:
            integers must decide as many do.
        top: labels that each image is given, if the model has so many.
        unknown_above: the novelty above which an image is called unknown: integers must call the
            same images so.
        of_sources: thresholds that single sources have instead: integers must decide as many do
            by these as well.
        kept: where what was chosen is kept, and found again.

    Raises:
        EngineOutOfMemory: when there is no memory for the model or for a batch of it.
        Exception: of any kind, when ONNX Runtime cannot run a graph.
    """

    device = "cpu"

    def __init__(
        self,
        graphs: Graphs,
        *,
        precision: str = AUTO,
        batch_size: int = 8,
        thresholds: Sequence[float] = (),
        top: int = 1,
        unknown_above: float = math.inf,
        of_sources: Sequence[Sequence[float]] = (),
        kept: Kept | None = None,
    ) -> None:
        self.labels = graphs.labels
        self.thresholds = tuple(thresholds) or (THRESHOLD,) * len(self.labels)
        self.top = min(top, len(self.labels))
        self.unknown_above = unknown_above
        self.of_sources = tuple(map(tuple, of_sources))
        self.input_size = graphs.input_size
        self.preprocessing = graphs.preprocessing
        self.digest = graphs.digest
        self.reference = graphs.reference
        self.architecture = graphs.architecture
        self._pool = ThreadPoolExecutor(cores(), "infer")
        started = time.monotonic()
        asked = {
            "runtime": "onnx",
            "precision": precision,
            "cores": cores(),
            **self._bounds.plain(),
        }
        known = kept.choice(self.digest, asked) if kept is not None else {}
        with _named_out_of_memory(batch_size):
            form, settled = self._chosen(graphs, precision, known)
            log.info("form chosen=%s-onnx%s", form.precision, ", as kept" if known else "")
            single = form.settle_single(known.get("single"))
            self._form: OnnxForm | None = form
            self.precision = form.precision
            self.predict(np.zeros((batch_size, self.input_size, self.input_size, 3), np.uint8))
        if kept is not None and settled and not known:
            kept.keep_choice(self.digest, asked, {"precision": self.precision, "single": single})
        release_free_memory()
        log.info("CPU cores used batch=%d single_image=%d", cores(), single)
        log.info(
            "engine ready device=cpu precision=%s runtime=onnx warm_up_s=%.1f",
            self.precision,
            time.monotonic() - started,
        )

    @property
    def _bounds(self) -> Bounds:
        return Bounds(self.thresholds, self.unknown_above, self.of_sources)

    def _chosen(
        self, graphs: Graphs, precision: str, known: Mapping[str, object]
    ) -> tuple[OnnxForm, bool]:
        make = partial(
            OnnxForm,
            size=self.input_size,
            temperature=graphs.temperature,
            top=self.top,
            pool=self._pool,
            cores=cores(),
        )
        if known.get("precision") == FLOAT32:
            return make(graphs.fp32, FLOAT32), True
        if known.get("precision") == INT8 and graphs.int8:
            return make(graphs.int8, INT8), True
        return best(make, graphs, precision=precision, bounds=self._bounds)

    def predict(self, batch: Images) -> Predictions:
        """Classify a batch; see `Engine.predict`."""
        if (form := self._form) is None:
            raise RuntimeError("the engine is closed")
        with _named_out_of_memory(len(batch)):
            return form.predict(batch)

    def memory(self) -> dict[str, int]:
        """There is no device."""
        return {}

    def close(self) -> None:
        """End the threads and let go of the model."""
        self._form = None
        self._pool.shutdown(wait=False)


def cores() -> int:
    """How many cores a batch may have: those of the process, or OMP_NUM_THREADS if that is less."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(usable_cores(), int(limit)) if limit.isdigit() and int(limit) else usable_cores()


@contextmanager
def _named_out_of_memory(count: int) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # ONNX Runtime has one exception for all that goes wrong at work; its allocator
        # (core/framework/bfc_arena.cc) and the C++ library name the want of memory so.
        short = "Failed to allocate memory" in str(error) or "bad_alloc" in str(error)
        if not (short or isinstance(error, MemoryError)):
            raise
        raise out_of_memory(count, cuda=False) from error
