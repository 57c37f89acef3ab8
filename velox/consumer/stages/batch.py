"""A batch: when it closes, and what it carries from stage to stage."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from velox.base.records import DeadLetter, Detection, Prediction, Record
from velox.consumer.stages.predictor import BisectingPredictor

T = TypeVar("T")


class End:
    """What the last stage's upstream puts on a queue when nothing more will come."""


END: Final = End()


def collect(
    source: SimpleQueue[T | End],
    *,
    size: int,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
) -> list[T] | None:
    """The next batch: waits for a first item, then takes more until full or out of time.

    Args:
        source: items in order, and END after the last.
        size: items at which the batch closes.
        timeout: seconds after its first item at which it closes.
        clock: monotonic seconds.

    Returns:
        One to `size` items, or None after END.
    """
    first = source.get()
    if isinstance(first, End):
        return None
    batch = [first]
    deadline = clock() + timeout
    while len(batch) < size:
        try:
            item = source.get(timeout=max(0.0, deadline - clock()))
        except Empty:
            break
        if isinstance(item, End):
            source.put(item)
            break
        batch.append(item)
    return batch


@dataclass(slots=True)
class Batch:
    """A batch on its way: all records that were polled for it, and what became of them.

    Attributes:
        records: as they were polled.
        predictor: the model that it took.
        classifiable: records whose images were decoded.
        images: theirs, uint8 RGB [N, S, S, 3].
        predictions: of the classifiable that the model had an answer for, in order.
        dead: the records that could not be classified.
        matches: the detections among the predictions with their records, in order; their image
            files are written.
        tried: whether it was in the model before.
        inferred: set once the model is done with it.
    """

    records: Sequence[Record]
    predictor: BisectingPredictor
    classifiable: list[Record] = field(default_factory=list)
    images: NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, 0, 0, 3), np.uint8))
    predictions: list[tuple[Record, Prediction]] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    matches: list[tuple[Record, Detection]] = field(default_factory=list)
    tried: bool = False
    inferred: threading.Event = field(default_factory=threading.Event)

    @property
    def model(self) -> str:
        """The digest of the checkpoint that predicts."""
        return self.predictor.engine.digest

    @property
    def labels(self) -> Sequence[str]:
        """That model's labels."""
        return self.predictor.engine.labels
