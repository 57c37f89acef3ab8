"""Streams of CUDA devices: an engine takes some, and the next one has them when it is closed.

PyTorch has 32 streams of a device and gives them out in turn, again after the last
(CUDAStream.cpp), so two engines could come to share one. And for each stream on which a matrix
product ran it keeps memory until the process ends: 32 MiB on a Hopper card (CublasHandlePool.cpp).
"""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import AbstractContextManager

import torch

_lock = threading.Lock()
# Held while a stream is captured, by whichever engine.
capturing = threading.Lock()
FREE: defaultdict[torch.device, list[torch.cuda.Stream]] = defaultdict(list)


def synchronize(device: torch.device) -> None:
    """Wait for all work of a device, at a moment at which none of its streams is captured.

    During a capture that is an error, and one for the capture ("Prohibited and Unhandled
    Operations" of stream capture in NVIDIA's CUDA C++ Programming Guide).
    """
    with capturing:
        torch.cuda.synchronize(device)


class Streams(AbstractContextManager["Streams"]):
    """Those of one engine. Leaving the context gives them back, unless they are kept.

    Args:
        device: whose they are.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._taken: list[torch.cuda.Stream] = []

    def take(self) -> torch.cuda.Stream:
        """One on which nobody else works."""
        with _lock:
            free = FREE[self._device]
            stream = free.pop() if free else torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        self._taken.append(stream)
        return stream

    def kept(self) -> Streams:
        """All that were taken, for longer than the context lasts."""
        kept = Streams(self._device)
        kept._taken, self._taken = self._taken, []
        return kept

    def give_back(self) -> None:
        """Leave all to others; nothing may be under way on them."""
        with _lock:
            # The one that was taken first is the next one to be taken: it has the memory.
            FREE[self._device].extend(reversed(self._taken))
        self._taken.clear()

    def __exit__(self, *_: object) -> None:
        if self._taken:
            synchronize(self._device)
            self.give_back()
