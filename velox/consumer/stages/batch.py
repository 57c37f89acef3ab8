"""A batch: when it closes, what it carries, and which are stored together."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from velox.base.records import DeadLetter, Prediction, Record
from velox.base.reference import Reference
from velox.consumer.sources.rules import NO_RULES, Sources
from velox.consumer.stages.predictor import BisectingPredictor
from velox.monitoring.window import Decided

T = TypeVar("T")


class End:
    """What the last stage's upstream puts on a queue when nothing more will come."""


END: Final = End()


class Free:
    """What is put on that queue when the next stage may have become free: worth a look."""


FREE: Final = Free()
NO_IMAGES: Final = np.empty((0, 0, 0, 3), np.uint8)


def collect(
    source: SimpleQueue[T | End | Free],
    *,
    size: int,
    timeout: float,
    is_free: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
) -> list[T] | None:
    """The next batch: waits for a first item, then takes more while waiting for them costs nothing.

    Args:
        source: items in order, END after the last, and FREE whenever `is_free` may have become
            true.
        size: items at which the batch closes.
        timeout: seconds after its first item at which it closes at the latest.
        is_free: whether the next stage has nothing to do; then a batch closes with what is there.
        clock: monotonic seconds.

    Returns:
        One to `size` items, or None after END.
    """
    batch: list[T] = []
    deadline = math.inf
    while len(batch) < size and not (batch and is_free() and source.empty()):
        try:
            item = source.get(timeout=max(0.0, deadline - clock()) if batch else None)
        except Empty:
            break
        if isinstance(item, End):
            if not batch:
                return None
            source.put(item)
            break
        if isinstance(item, Free):
            continue
        if not batch:
            deadline = clock() + timeout
        batch.append(item)
    return batch


@dataclass(slots=True)
class Batch:
    """A batch on its way: all records that were polled for it, and what became of them.

    Attributes:
        records: as they were polled.
        predictor: the model that it took.
        sources: the rules of sources that it took: as with the model, others come with the next.
        classifiable: records whose images were decoded.
        images: theirs, uint8 RGB [N, S, S, 3], until the model is done with them.
        predictions: of the classifiable that the model had an answer for, in order.
        dead: the records that could not be classified.
        stale: the records that were too old to be.
        matches: the predictions that are to be stored, in order, each with the path of its image
            file, None if that could not be written.
        decided: what is known of those predictions, where the model has something to compare it
            with; without their truths.
        tried: whether it was in the model before.
        inferred: set once the model is done with it.
    """

    records: Sequence[Record]
    predictor: BisectingPredictor
    sources: Sources = NO_RULES
    classifiable: list[Record] = field(default_factory=list)
    images: NDArray[np.uint8] = field(default_factory=lambda: NO_IMAGES)
    predictions: list[tuple[Record, Prediction]] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    stale: list[Record] = field(default_factory=list)
    matches: list[tuple[Record, Prediction, str | None]] = field(default_factory=list)
    decided: Decided | None = None
    tried: bool = False
    inferred: threading.Event = field(default_factory=threading.Event)

    def leave_out(self, stale: Sequence[bool]) -> None:
        """Take classifiable records for stale ones, as it says of each, and drop their images."""
        if not any(stale):
            return
        self.stale += compress(self.classifiable, stale)
        fresh = [row for row, old in enumerate(stale) if not old]
        self.classifiable = [self.classifiable[row] for row in fresh]
        self.images = self.images[fresh]

    def came_to(self) -> list[tuple[Record, Prediction | None]]:
        """The records that are no dead letters with their predictions, None for the stale ones.

        Those of one partition are in order.
        """
        if not self.stale:
            return [*self.predictions]
        both = [*self.predictions, *((record, None) for record in self.stale)]
        return sorted(both, key=lambda each: each[0].offset)

    @property
    def model(self) -> str:
        """The digest of the checkpoint that predicts."""
        return self.predictor.engine.digest

    @property
    def labels(self) -> Sequence[str]:
        """That model's labels."""
        return self.predictor.engine.labels

    @property
    def reference(self) -> Reference | None:
        """What that model's images are compared with."""
        return self.predictor.engine.reference


def all_waiting(source: SimpleQueue[Batch | End], *, most: int) -> list[Batch]:
    """The batches that wait now, at least one: what they came to is made durable together.

    Args:
        source: batches in order, END after the last.
        most: records at which no further batch is taken.

    Returns:
        Them in order, or none after END.
    """
    group: list[Batch] = []
    records = 0
    while records < most and not (group and source.empty()):
        batch = source.get()
        if isinstance(batch, End):
            source.put(batch)
            break
        group.append(batch)
        records += len(batch.records)
    return group
