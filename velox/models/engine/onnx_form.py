"""A graph as an engine uses it: batches in parts on all cores, probabilities out."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from velox.models.engine.interface import Images, Predictions
from velox.models.engine.parts import part_size, parts_of
from velox.models.engine.session import Session, as_rows
from velox.models.engine.trial_images import noise

# A neighbour may have one of the cores for some tens of milliseconds.
_LEAST_TURNS, _TRIED_FOR_S = 5, 0.3


class OnnxForm:
    """Classifies with a graph; several threads may come at the same time.

    Args:
        graph: see `Session`.
        precision: fp32 or int8.
        size: height and width S of its images in pixels.
        temperature: divides the outputs before the softmax.
        top: labels that each image is given.
        pool: with one thread for each core.
        cores: how many those are.
    """

    def __init__(
        self,
        graph: bytes,
        precision: str,
        *,
        size: int,
        temperature: float,
        top: int,
        pool: ThreadPoolExecutor,
        cores: int,
    ) -> None:
        self.precision = precision
        self.single_cores = 1
        self._graph = graph
        self._size, self._temperature, self._top = size, temperature, top
        self._pool, self._cores = pool, cores
        self._most = part_size(size, precision)
        self._run = self._run_single = Session(graph, threads=1)

    def predict(self, images: Images) -> Predictions:
        """Classify uint8 [N, S, S, 3]."""
        rows = as_rows(images)
        if len(rows) == 1:
            return self._answer(*self._run_single(rows))
        parts = np.array_split(rows, parts_of(len(rows), self._cores, self._most))
        answers = zip(*self._pool.map(self._run, parts), strict=True)
        return self._answer(*map(np.concatenate, answers))

    def settle_single(self, known: object = None) -> int:
        """Let single images have all cores from now on if that is faster; returns their number.

        Args:
            known: that number, from an earlier time.
        """
        if self._cores == 1 or known == 1:
            return 1
        together, image = Session(self._graph, threads=self._cores), as_rows(noise(self._size, 1))
        if known == self._cores or _is_faster(together, self._run, image):
            self._run_single, self.single_cores = together, self._cores
        return self.single_cores

    def _answer(self, outputs: NDArray[np.float32], *novelty: NDArray[np.float32]) -> Predictions:
        powers = outputs / np.float32(self._temperature)
        powers = np.exp(powers - powers.max(axis=1, keepdims=True))
        probabilities = powers / powers.sum(axis=1, keepdims=True)
        if self._top == 1:
            indices = probabilities.argmax(axis=1)[:, None]
        else:
            indices = np.argsort(-probabilities, axis=1, kind="stable")[:, : self._top]
        return Predictions(indices, np.take_along_axis(probabilities, indices, axis=1), *novelty)


def _is_faster(one: Session, other: Session, image: NDArray[np.uint8]) -> bool:
    """Whether one takes less for an image, by the best of many turns: others can only add to it."""
    best = {one: math.inf, other: math.inf}
    turns, enough = 0, time.monotonic() + _TRIED_FOR_S
    while turns < _LEAST_TURNS or time.monotonic() < enough:
        for run in best:
            start = time.perf_counter()
            run(image)
            best[run] = min(best[run], time.perf_counter() - start)
        turns += 1
    return best[one] < best[other]
