"""How a batch reaches a CUDA device: cut to the sizes that are prepared, and in lanes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from velox.models.engine.classifier import Answer


def ladder(largest: int) -> list[int]:
    """Sizes up to `largest`, ascending: 1, 2, 4, 8, ... and `largest` itself.

    A batch is padded to the next one, so less than half of what is computed is padding. More sizes
    would pad less where the device is idle anyway, and each takes a second or two to prepare: on
    an H200, cuDNN took 0.14 s for each depthwise convolution of each size.
    """
    return sorted({largest, *(2**power for power in range((largest - 1).bit_length()))})


def pieces(count: int, rungs: Sequence[int]) -> Iterator[tuple[slice, int]]:
    """Cut a batch to the rungs of a ladder.

    Args:
        count: images in the batch.
        rungs: ascending.

    Yields:
        Which images make a piece, and the rung it is padded to.
    """
    for start in range(0, count, rungs[-1]):
        stop = min(count, start + rungs[-1])
        yield slice(start, stop), rungs[bisect_left(rungs, stop - start)]


def answer_shapes(count: int, top: int, novelty: bool) -> list[tuple[tuple[int, ...], torch.dtype]]:
    """Shape and type of each tensor of an answer.

    Args:
        count: images.
        top: labels that each is given.
        novelty: whether it is told how unlike the images of the training each is.
    """
    shapes: list[tuple[tuple[int, ...], torch.dtype]] = [
        ((count, top), torch.int64),
        ((count, top), torch.float32),
    ]
    return [*shapes, ((count,), torch.float32)] if novelty else shapes


class Lane:
    """Buffers of one batch on its way, and a stream on which its pixels are copied.

    The copy and the host's share of it overlap with the computing of what another lane brought.
    One thread uses a lane at a time, up to the end of `results`.

    Args:
        count: the largest batch.
        size: height and width S of its images in pixels.
        top: labels K that each image is given.
        novelty: whether an answer has it.
        device: where it is computed.
        stream: to copy on.

    Attributes:
        pixels: uint8 [count, S, S, 3] on the device.
    """

    def __init__(
        self,
        count: int,
        size: int,
        top: int,
        novelty: bool,
        device: torch.device,
        stream: torch.cuda.Stream,
    ) -> None:
        shape = (count, size, size, 3)
        self.pixels = torch.zeros(shape, dtype=torch.uint8, device=device)
        self._pinned_pixels = torch.zeros(shape, dtype=torch.uint8, pin_memory=True)
        self._to_pin = self._pinned_pixels.numpy()
        self._pinned_answer = tuple(
            torch.zeros(each, dtype=dtype, pin_memory=True)
            for each, dtype in answer_shapes(count, top, novelty)
        )
        self._upload = stream
        self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
        # A thread that waits must leave its core to those that decode.
        self._done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]

    def send(self, pixels: Tensor) -> None:
        """Begin to copy uint8 [N, S, S, 3] from the host to the first N of `pixels`."""
        count = len(pixels)
        # By this thread alone. PyTorch copies with a thread on each core, and these spin: on 16
        # cores, eight processes that shared a card came to a quarter of what one of them did.
        np.copyto(self._to_pin[:count], pixels.numpy())
        with torch.cuda.stream(self._upload):
            self.pixels[:count].copy_(self._pinned_pixels[:count], non_blocking=True)
            self._arrived.record(self._upload)

    def arrive(self, stream: torch.cuda.Stream) -> None:
        """Let the stream wait for what was sent."""
        stream.wait_event(self._arrived)

    def fetch(self, answer: Answer, stream: torch.cuda.Stream) -> None:
        """Begin to copy an answer to the host, on the current stream."""
        for pinned, each in zip(self._pinned_answer, answer, strict=True):
            pinned[: len(each)].copy_(each, non_blocking=True)
        self._done.record(stream)

    def results(self, count: int) -> Answer:
        """Wait for what is fetched; the next use of the lane writes over it."""
        self._done.synchronize()
        return tuple(each[:count] for each in self._pinned_answer)
