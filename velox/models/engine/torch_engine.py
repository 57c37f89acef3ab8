"""The engine that runs a checkpoint with PyTorch, on the CPU or on CUDA."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from velox.models.checkpoint import Checkpoint
from velox.models.engine.check import THRESHOLD, Bounds
from velox.models.engine.classifier import Answer
from velox.models.engine.cpu import CpuBackend
from velox.models.engine.cuda import CudaBackend
from velox.models.engine.interface import Images, Predictions
from velox.models.engine.kept import Kept
from velox.models.engine.out_of_memory import out_of_memory

log = logging.getLogger(__name__)


class Backend(Protocol):
    """What runs a checkpoint on a kind of device."""

    precision: str

    def __call__(self, pixels: Tensor) -> Answer:
        """Classify uint8 [N, S, S, 3]; the answer is on the CPU."""

    def memory(self) -> dict[str, int]:
        """See `Engine.memory`."""

    def close(self) -> None:
        """See `Engine.close`."""


class TorchEngine:
    """An engine that runs a checkpoint with PyTorch; see `Engine`.

    Args:
        checkpoint: what to run.
        device: where.
        precision: auto, fp32, bf16, or int8, which only the CPU has.
        compiled: whether to compile the model for a CUDA device, which takes up to a minute.
        memory_fraction: share of a CUDA device's memory that this process may take; processes
            that share a GPU by time slices are not kept apart by the driver.
        batch_size: the largest batch that is to be fast; larger ones work too.
        thresholds: of each label, the confidence at which an image is a match, 0.9 without: fewer
            bits must decide as many do.
        top: labels that each image is given, if the model has so many.
        unknown_above: the novelty above which an image is called unknown: fewer bits must call the
            same images so.
        of_sources: thresholds that single sources have instead: fewer bits must decide as many do
            by these as well.
        kept: where the form for the CPU is kept, and found again.

    Raises:
        EngineOutOfMemory: when there is no memory for the model or for a batch of it.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: torch.device,
        precision: str = "auto",
        compiled: bool = False,
        memory_fraction: float = 1.0,
        batch_size: int = 8,
        thresholds: Sequence[float] = (),
        top: int = 1,
        unknown_above: float = math.inf,
        of_sources: Sequence[Sequence[float]] = (),
        kept: Kept | None = None,
    ) -> None:
        self.labels = checkpoint.labels
        self.thresholds = tuple(thresholds) or (THRESHOLD,) * len(self.labels)
        self.top = min(top, len(self.labels))
        self.unknown_above = unknown_above
        self.of_sources = tuple(map(tuple, of_sources))
        bounds = Bounds(self.thresholds, unknown_above, self.of_sources)
        self.input_size = checkpoint.input_size
        self.preprocessing = checkpoint.preprocessing
        self.digest = checkpoint.digest
        self.reference = checkpoint.reference
        self.architecture = checkpoint.architecture
        self.device = str(device)
        started = time.monotonic()
        self._backend: Backend | None
        with _named_out_of_memory(batch_size):
            if device.type == "cuda":
                self._backend = CudaBackend(
                    checkpoint,
                    device=device,
                    precision=precision,
                    compiled=compiled,
                    memory_fraction=memory_fraction,
                    batch_size=batch_size,
                    bounds=bounds,
                    top=self.top,
                )
            else:
                self._backend = CpuBackend(
                    checkpoint, precision, bounds=bounds, top=self.top, kept=kept
                )
        self.precision = self._backend.precision
        try:
            blank = np.zeros((batch_size, self.input_size, self.input_size, 3), np.uint8)
            for count in (1, batch_size):
                self.predict(blank[:count])
        except BaseException:
            self.close()
            raise
        log.info(
            "engine ready device=%s precision=%s warm_up_s=%.1f",
            self.device,
            self.precision,
            time.monotonic() - started,
        )

    def predict(self, batch: Images) -> Predictions:
        """Classify a batch; see `Engine.predict`."""
        if self._backend is None:
            raise RuntimeError("the engine is closed")
        with _named_out_of_memory(len(batch)):
            answer = self._backend(torch.from_numpy(np.ascontiguousarray(batch)))
            return Predictions(*(each.numpy() for each in answer))

    def memory(self) -> dict[str, int]:
        """Bytes by kind; see `Engine.memory`."""
        return self._backend.memory() if self._backend else {}

    def close(self) -> None:
        """Let go of the model; see `Engine.close`."""
        if self._backend is not None:
            self._backend.close()
            self._backend = None


@contextmanager
def _named_out_of_memory(count: int) -> Iterator[None]:
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        torch.cuda.empty_cache()
        cuda = isinstance(error, torch.OutOfMemoryError)
        raise out_of_memory(count, cuda=cuda) from error
    except RuntimeError as error:
        # The CPU's allocator has no exception of its own (c10/core/impl/alloc_cpu.cpp).
        if "DefaultCPUAllocator: " not in str(error):
            raise
        raise out_of_memory(count, cuda=False) from error
