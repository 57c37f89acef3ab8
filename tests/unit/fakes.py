"""Small stand-ins, written by hand: a clock that only moves when told, records, a Kafka message."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE, KafkaError

from velox.base.candidates import Candidate, Kept, chance_of
from velox.base.errors import EngineOutOfMemory, StoreUnavailable
from velox.base.records import Detection, Headers, Record, utc_text
from velox.base.reference import SIGNALS, Reference, Usual
from velox.images.preprocessing import Preprocessing
from velox.models.engine.interface import Predictions
from velox.monitoring.metrics import Metrics
from velox.stores.removal import Holding, Named, Removed

# 2023-11-14T22:13:20.123Z
CAPTURED_MS = 1_700_000_000_123
# Uniform from 0 to 1 in ten bins, and nothing beyond.
TENTHS = Usual(tuple(each / 10 for each in range(11)), (0, *[100] * 10, 0), mean=0.5)


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class FakeEngine:
    """Predicts the index of an image's first byte; fails as its rules say.

    Attributes:
        capacity: images above which a batch is out of memory.
        poison: first bytes on which it raises.
        no_number: first bytes that it answers with NaN.
        spoils: first bytes that make its whole batch NaN.
        broken: raises on anything.
        batches: sizes it was asked for, in order.
    """

    labels: tuple[str, ...] = ("red_circle", "green_square")
    input_size = 4
    preprocessing = Preprocessing()
    digest = "0123456789ab"
    architecture = "fake"
    device = "cpu"
    precision = "fp32"
    reference: Reference | None = None
    thresholds: tuple[float, ...] = (0.9, 0.9)
    unknown_above = math.inf
    of_sources: tuple[tuple[float, ...], ...] = ()
    top = 1

    def __init__(self) -> None:
        self.capacity = 10_000
        self.poison: set[int] = set()
        self.no_number: set[int] = set()
        self.spoils: set[int] = set()
        self.broken = False
        self.batches: list[int] = []

    def predict(self, batch: Any) -> Any:
        self.batches.append(len(batch))
        if self.broken:
            raise RuntimeError("device lost")
        if len(batch) > self.capacity:
            raise EngineOutOfMemory(f"no room for {len(batch)}")
        first = batch[:, 0, 0, 0]
        if self.poison & {int(each) for each in first}:
            raise RuntimeError("cannot digest")
        confidences = first.astype(np.float32) / 100
        confidences[np.isin(first, list(self.no_number))] = np.nan
        if self.spoils & {int(each) for each in first}:
            confidences[:] = np.nan
        return Predictions.of((first % len(self.labels)).astype(np.int64), confidences)

    def memory(self) -> dict[str, int]:
        return {}

    def close(self) -> None:
        """Nothing to let go of."""


class FakeMessage:
    """A polled message, or an error in its place."""

    def __init__(
        self,
        offset: int = 0,
        *,
        partition: int = 0,
        value: bytes | None = b"image",
        key: bytes | None = None,
        headers: list[tuple[str, bytes | None]] | Exception | None = None,
        timestamp_ms: int | None = CAPTURED_MS,
        error: KafkaError | None = None,
    ) -> None:
        self._offset = offset
        self._partition = partition
        self._value = value
        self._key = key
        self._headers = headers
        self._timestamp_ms = timestamp_ms
        self._error = error

    def offset(self) -> int:
        return self._offset

    def partition(self) -> int:
        return self._partition

    def value(self) -> bytes | None:
        return self._value

    def key(self) -> bytes | None:
        return self._key

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        if isinstance(self._headers, Exception):
            raise self._headers
        return self._headers

    def timestamp(self) -> tuple[int, int]:
        if self._timestamp_ms is None:
            return TIMESTAMP_NOT_AVAILABLE, -1
        return TIMESTAMP_CREATE_TIME, self._timestamp_ms

    def error(self) -> KafkaError | None:
        return self._error


def record(
    offset: int = 0,
    *,
    partition: int = 0,
    epoch: int = 1,
    value: bytes | None = b"image",
    timestamp_ms: int = CAPTURED_MS,
    headers: Headers = (),
    key: bytes | None = None,
    topic: str = "image_data",
) -> Record:
    return Record(topic, partition, offset, timestamp_ms, key, value, headers, epoch)


def reference(labels: int = 2) -> Reference:
    """Each label as often as any other, and signals from 0 to 1."""
    return Reference((500,) * labels, dict.fromkeys(SIGNALS, TENTHS))


def detection(number: int = 0, *, label: str = "red_circle", truth: str | None = None) -> Detection:
    return Detection(
        id=f"image_data:0:{number}:{CAPTURED_MS}",
        timestamp="2023-11-14T22:13:20.123Z",
        predicted_label=label,
        confidence=0.5,
        ground_truth=truth,
        file_path=None,
        source=None,
        latency_ms=1.5,
        model="0123456789ab",
    )


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """A metric's value, None if nothing of that name and these labels is exposed."""
    return metrics.registry.get_sample_value(name, labels)


class Removals:
    """A store's removal: of each collection so many documents are too old.

    Attributes:
        overdue: how many by collection.
        taken_by_others: of those that are found first, how many others remove at the same moment.
        away: whether it fails.
        steps: how many documents each step was asked for at most.
        told: what was removed, by what.
        look, seen: called, and what came of it, at each step.
        cleared: the ids that were told to have no file.
    """

    name = "fake"

    def __init__(self) -> None:
        self.overdue = {"shapes_found": 0, "review": 0}
        self.taken_by_others = 0
        self.away = False
        self.steps: list[int] = []
        self.told: dict[str, int] = {}
        self.look: Callable[[], Any] = lambda: None
        self.seen: list[Any] = []
        self.cleared: list[str] = []
        self.moments: list[int] = []
        self.closed = False

    def remove_before(self, holding: Holding, moment_ms: int, limit: int) -> Removed:
        self._answer()
        self.steps.append(limit)
        self.moments.append(moment_ms)
        self.seen.append(self.look())
        found = min(limit, self.overdue.get(holding.collection, 0))
        if found:
            self.overdue[holding.collection] -= found
        others = min(found, self.taken_by_others)
        self.taken_by_others -= others
        return Removed(found, found - others)

    def of_source(self, *_: Any) -> Iterator[list[Named]]:
        self._answer()
        yield from ()

    def with_files(self, _at_once: int) -> Iterator[list[Named]]:
        self._answer()
        yield from ()

    def remove(self, _holding: Holding, ids: Sequence[object]) -> int:
        self._answer()
        return len(ids)

    def clear_files(self, ids: Sequence[object]) -> None:
        self._answer()
        self.cleared += map(str, ids)

    def tell(self, what: str, count: int) -> None:
        self.told[what] = self.told.get(what, 0) + count

    def close(self) -> None:
        self.closed = True

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailable("away")


def candidate(
    number: int = 0, *, label: str = "red_circle", random: bool = False, age: int = 0
) -> Candidate:
    """An image for review, captured and kept so many seconds before the others."""
    identity = f"image_data:0:{number}:{CAPTURED_MS}"
    return Candidate(
        id=identity,
        timestamp=utc_text(CAPTURED_MS - 1000 * age),
        kept_at=utc_text(CAPTURED_MS - 1000 * age),
        predicted_label=label,
        confidence=0.5,
        outcome="no_match",
        threshold=0.9,
        reason="random" if random else "below",
        chance=chance_of(identity),
        random=random,
        ground_truth=None,
        source=None,
        model="0123456789ab",
        extension=".jpg",
    )


def kept(number: int = 0, *, image: bytes = b"image", **known: Any) -> Kept:
    """The same with an image."""
    return Kept(candidate(number, **known), image)
