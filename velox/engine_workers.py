"""Threads that run a batch in parts, each part on one core.

PyTorch's own threads meet after every operation of a network, hundreds of times a batch. Where the
cores are shared with decoding, all of them wait each time for the one that was interrupted. Parts
of a batch meet once, at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch
from torch import Tensor

Answer = tuple[Tensor, Tensor]
Classify = Callable[[Tensor], Answer]


class Workers:
    """Two pools: one thread a core for parts of batches, and one thread for a single image.

    Args:
        cores: how many to use.
    """

    def __init__(self, cores: int) -> None:
        self.cores = cores
        self._parts = _pool(cores, threads_each=1)
        self._single = _pool(1, threads_each=cores)

    def run(self, classify: Classify, pixels: Tensor) -> Answer:
        """Classify uint8 [N, 3, S, S]; returns indices int64 [N] and probabilities float32 [N]."""
        if len(pixels) == 1:
            return self._single.submit(_inferring, classify, pixels).result()
        parts = pixels.tensor_split(min(self.cores, len(pixels)))
        answers = list(self._parts.map(partial(_inferring, classify), parts))
        indices, confidences = zip(*answers, strict=True)
        return torch.cat(indices), torch.cat(confidences)

    def close(self) -> None:
        """End the threads."""
        for pool in (self._parts, self._single):
            pool.shutdown(wait=False)


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
