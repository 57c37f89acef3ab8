"""Stand-ins for what a shadow is shown and what it is."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.unit.fakes import FakeEngine, record
from velox.base.records import Outcome, Prediction
from velox.consumer.shadow.comparison import Shadow
from velox.consumer.shadow.seen import Seen
from velox.consumer.sources.rules import NO_RULES, Sources
from velox.consumer.stages.batch import Batch
from velox.consumer.stages.decider import Decider
from velox.consumer.stages.decoder import Decoder
from velox.consumer.stages.predictor import BisectingPredictor
from velox.monitoring.metrics import Metrics

LIMIT_S = 20.0


class Other(FakeEngine):
    """Another model: by default it answers as the one in use."""

    digest = "ba9876543210"

    def __init__(self, wrong: Sequence[int] = ()) -> None:
        super().__init__()
        self.wrong = list(wrong)
        self.closed = 0
        self.held = threading.Event()
        self.held.set()
        self.asked = threading.Event()

    def predict(self, batch: Any) -> Any:
        self.asked.set()
        assert self.held.wait(LIMIT_S)
        found = super().predict(batch)
        found.indices[np.isin(batch[:, 0, 0, 0], self.wrong)] ^= 1
        return found

    def close(self) -> None:
        self.closed += 1


def decode(data: bytes | None, *, size: int, out: Any = None, **_: Any) -> Any:
    """An image of the number that the value is."""
    image = np.empty((size, size, 3), np.uint8) if out is None else out
    image[:] = int(data or b"0")
    return image


def batch(numbers: Sequence[int], *, sources: Sources = NO_RULES, **headers: bytes) -> Batch:
    """A batch that the model in use has decided: each image is a number."""
    engine = FakeEngine()
    records = [
        record(number, value=str(number).encode(), headers=tuple(headers.items()), key=b"door")
        for number in numbers
    ]
    made = Batch(records, BisectingPredictor(engine), sources)
    made.classifiable = list(records)
    made.images = np.stack([np.full((4, 4, 3), number, np.uint8) for number in numbers])
    made.predictions = [
        (each, Prediction(engine.labels[number % 2], number / 100, _outcome(number)))
        for each, number in zip(records, numbers, strict=True)
    ]
    return made


def _outcome(number: int) -> Outcome:
    return Outcome.MATCH if number >= 90 else Outcome.NO_MATCH


def shadow_of(engine: Any, decoder: Decoder, metrics: Metrics, **what: Any) -> Shadow:
    return Shadow(engine, decide=Decider(), decoder=decoder, metrics=metrics.shadow, **what)


def shown(made: Batch, failures: Sequence[int] = ()) -> Seen:
    return Seen.of(made, failures)
