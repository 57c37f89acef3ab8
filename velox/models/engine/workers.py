"""Threads that run a batch in parts, each part on one core.

PyTorch's own threads meet after every operation of a network, hundreds of times a batch. Where the
cores are shared with decoding, all of them wait each time for the one that was interrupted. Parts
of a batch meet once, at its end. A single image has no parts: whether all cores are faster for it
than one depends on the model and on the machine, so that is found by trying.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch
from torch import Tensor

from velox.models.engine.classifier import Answer
from velox.models.engine.parts import parts_of

Classify = Callable[[Tensor], Answer]

_TRIALS = 5


class Workers:
    """A pool with one thread a core for parts of batches, and one that runs a single image.

    Args:
        cores: how many to use.
    """

    def __init__(self, cores: int) -> None:
        self.cores = cores
        self._parts = _pool(cores, threads_each=1)
        self._single = self._parts

    def run(self, classify: Classify, pixels: Tensor, most: int) -> Answer:
        """Classify a batch.

        Args:
            classify: may be called by several threads at once.
            pixels: uint8 [N, 3, S, S].
            most: images in a part at most.
        """
        if len(pixels) == 1:
            return self._single.submit(_inferring, classify, pixels).result()
        parts = pixels.tensor_split(parts_of(len(pixels), self.cores, most))
        answers = list(self._parts.map(partial(_inferring, classify), parts))
        return joined(answers)

    def settle_single(self, classify: Classify, image: Tensor, *, known: object = None) -> int:
        """Let single images have all cores from now on if that is faster; returns their number.

        Args:
            classify: what will run.
            image: uint8 [1, 3, S, S].
            known: that number, from an earlier time.
        """
        if self.cores == 1 or known == 1:
            return 1
        together = _pool(1, threads_each=self.cores)
        if known == self.cores or _seconds(together, classify, image) < _seconds(
            self._parts, classify, image
        ):
            self._single = together
            return self.cores
        together.shutdown(wait=False)
        return 1

    def close(self) -> None:
        """End the threads."""
        for pool in (self._parts, self._single):
            pool.shutdown(wait=False)


def joined(answers: Sequence[Answer]) -> Answer:
    """One answer of those for parts of a batch, in order."""
    return tuple(map(torch.cat, zip(*answers, strict=True)))


def _seconds(pool: ThreadPoolExecutor, classify: Classify, image: Tensor) -> float:
    """The best time of a single image: what else the machine does can only add to it."""

    def once() -> float:
        start = time.perf_counter()
        pool.submit(_inferring, classify, image).result()
        return time.perf_counter() - start

    once()
    return min(once() for _ in range(_TRIALS))


def _pool(size: int, *, threads_each: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, "infer", initializer=_use_threads, initargs=(threads_each,))


def _use_threads(count: int) -> None:
    # A thread's first question sets its count to the process's (ATen/ParallelOpenMP.cpp): ask
    # before, or the first operation would.
    torch.get_num_threads()
    torch.set_num_threads(count)


def _inferring(classify: Classify, pixels: Tensor) -> Answer:
    with torch.inference_mode():
        return classify(pixels)
