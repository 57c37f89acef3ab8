"""The engine on CUDA: one recorded graph for each size of batch, fed through pinned memory.

A batch goes as bytes: they are a quarter of what floats are on the way, and normalising them on the
device costs next to nothing. A recorded graph runs with one launch instead of hundreds, which is
most of the time of a small batch. While one batch is computed, the next is copied. Processes that
share a GPU are not kept apart by the driver, so all memory is taken at the start, within the share
that the process may have.
"""

from __future__ import annotations

import logging
import threading
import time
from queue import SimpleQueue

import torch
from torch import Tensor

from velox.base.errors import SettingError
from velox.models.checkpoint import Checkpoint
from velox.models.engine.check import Bounds
from velox.models.engine.classifier import Answer
from velox.models.engine.lanes import Lane, answer_shapes, ladder, pieces
from velox.models.engine.streams import Streams, capturing, synchronize
from velox.models.engine.trial import NAMES, NARROW, Trial

# Runs before a recording: libraries load their code in the first ones.
_WARM_UPS = 3

# Seconds after which it is tried again to prepare batches for which there was no memory.
_TRY_AGAIN_S = 60.0

# Batches on the device: one that is computed and one that is copied.
_LANES = 2

log = logging.getLogger(__name__)


class CudaBackend:
    """Runs a checkpoint on one CUDA device, two batches at a time: of them, one is computed.

    Args:
        checkpoint: what to run.
        device: where.
        precision: fp32, bf16, or auto for half precision, fp16 where the model decides so.
        compiled: whether to compile the model, see `velox.models.engine.compiled`.
        memory_fraction: share of the device's memory that this process may take.
        batch_size: the largest batch that runs as one; larger ones run in pieces.
        bounds: what images are decided by.
        top: labels that each image is given.

    Attributes:
        precision: that is used: fp32 where half precision is refused, which is logged.

    Raises:
        SettingError: for a precision that CUDA does not have here.
        torch.OutOfMemoryError: when there is not even memory for one image.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: torch.device,
        precision: str,
        memory_fraction: float,
        batch_size: int,
        compiled: bool = False,
        bounds: Bounds,
        top: int = 1,
    ) -> None:
        if precision not in NARROW:
            raise SettingError(
                f"PRECISION={precision!r} is not allowed on CUDA: one of {', '.join(NARROW)}"
            )
        torch.cuda.set_per_process_memory_fraction(memory_fraction, device)
        # What convolutions in float32 take is rounded otherwise, to the 10 bits of half precision.
        torch.backends.cudnn.allow_tf32 = False
        self._device = device
        self._top = top
        self._novelty = checkpoint.novelty is not None
        self._turn = threading.Lock()
        trial = Trial(checkpoint, device, batch_size, bounds, top=top, compiled=compiled)
        with Streams(device) as streams, torch.cuda.device(device), torch.inference_mode():
            self._stream = streams.take()
            self._classifier, dtype = trial.best(precision)
            size = checkpoint.input_size
            self._buffers = _Buffers(batch_size, size, top, self._novelty, device)
            self._lanes: SimpleQueue[Lane] = SimpleQueue()
            for _ in range(_LANES):
                self._lanes.put(Lane(batch_size, size, top, self._novelty, device, streams.take()))
            # Graphs run one at a time and keep nothing between runs, so they share their memory.
            self._pool = torch.cuda.graph_pool_handle()
            self._graphs: dict[int, torch.cuda.CUDAGraph] = {}
            self._missing: list[int] = []
            self._record(ladder(batch_size))
            self._streams = streams.kept()
        self.precision = NAMES[dtype]

    def _record(self, rungs: list[int]) -> None:
        """Record a graph for each size, as far as memory reaches; the others are missing.

        The largest is recorded first, and the others fit into the memory that it took.
        """
        # What was made so far was made on another stream.
        synchronize(self._device)
        missing, found = [], dict(self._graphs)
        for rung in reversed(rungs):
            try:
                found[rung] = self._recorded(rung)
            except torch.OutOfMemoryError:
                if rung == rungs[0] and not found:
                    raise
                missing.append(rung)
        for rung in missing:
            if rung not in self._missing:
                log.warning(
                    "no device memory for batches of %d images, they are cut into smaller ones: "
                    "lower BATCH_SIZE or raise GPU_MEMORY_FRACTION",
                    rung,
                )
        self._graphs, self._missing = dict(sorted(found.items())), sorted(missing)
        self._next_try = time.monotonic() + _TRY_AGAIN_S

    def _try_again(self) -> None:
        """Record what is missing: whoever had the memory may be gone, as a model from before is."""
        with self._turn:
            if self._missing and time.monotonic() >= self._next_try:
                self._record(self._missing)
                if not self._missing:
                    log.info(
                        "there is device memory for batches of %d images now", max(self._graphs)
                    )

    def _recorded(self, rung: int) -> torch.cuda.CUDAGraph:
        with torch.cuda.stream(self._stream):
            for _ in range(_WARM_UPS):
                self._classify(rung)
        graph = torch.cuda.CUDAGraph()
        # Another engine may be at work in another thread while this one is made.
        mode = "thread_local"
        with (
            capturing,
            torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode=mode),
        ):
            self._classify(rung)
        return graph

    def _classify(self, rung: int) -> None:
        """From the device's buffer of pixels to its buffers of results."""
        buffers = self._buffers
        answer = self._classifier(buffers.pixels[:rung].permute(0, 3, 1, 2))
        for buffer, each in zip(buffers.answer, answer, strict=True):
            buffer[:rung].copy_(each)

    @torch.inference_mode()
    def __call__(self, pixels: Tensor) -> Answer:
        """Classify uint8 [N, S, S, 3]; the answer is on the CPU."""
        answer = tuple(
            torch.empty(shape, dtype=dtype)
            for shape, dtype in answer_shapes(len(pixels), self._top, self._novelty)
        )
        lane = self._lanes.get()
        try:
            with torch.cuda.device(self._device):
                if self._missing and len(pixels) > max(self._graphs):
                    self._try_again()
                for rows, rung in pieces(len(pixels), list(self._graphs)):
                    count = rows.stop - rows.start
                    lane.send(pixels[rows])
                    self._compute(lane, count, rung)
                    for whole, part in zip(answer, lane.results(count), strict=True):
                        whole[rows] = part
        finally:
            self._lanes.put(lane)
        return answer

    def _compute(self, lane: Lane, count: int, rung: int) -> None:
        """Begin with what the lane brings; what the padding holds is computed and not read."""
        buffers = self._buffers
        # Launches of two threads must not mix: the graphs share their buffers.
        with self._turn, torch.cuda.stream(self._stream):
            lane.arrive(self._stream)
            buffers.pixels[:count].copy_(lane.pixels[:count], non_blocking=True)
            self._graphs[rung].replay()
            lane.fetch(tuple(each[:count] for each in buffers.answer), self._stream)

    def memory(self) -> dict[str, int]:
        """Bytes by kind; see `velox.models.engine.interface.Engine.memory`."""
        return {
            "allocated": torch.cuda.memory_allocated(self._device),
            "reserved": torch.cuda.memory_reserved(self._device),
            "total": torch.cuda.get_device_properties(self._device).total_memory,
        }

    def close(self) -> None:
        """Free the device's memory."""
        synchronize(self._device)
        self._graphs.clear()
        del self._classifier, self._buffers, self._lanes
        torch.cuda.empty_cache()
        self._streams.give_back()


class _Buffers:
    """Where graphs read and write: a graph keeps the addresses that it was recorded with."""

    def __init__(
        self, count: int, size: int, top: int, novelty: bool, device: torch.device
    ) -> None:
        self.pixels = torch.zeros((count, size, size, 3), dtype=torch.uint8, device=device)
        self.answer = tuple(
            torch.zeros(shape, dtype=dtype, device=device)
            for shape, dtype in answer_shapes(count, top, novelty)
        )
