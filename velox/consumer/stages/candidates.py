"""What is worth a look is kept: images of unsure decisions, and a random share of all."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple

from velox.base.allowance import Allowance
from velox.base.candidates import (
    BELOW,
    DISAGREEMENT,
    JUDGED,
    NEAR,
    RANDOM,
    RANDOM_RANK,
    UNKNOWN,
    Candidate,
    Kept,
    chance_of,
)
from velox.base.errors import StoreUnavailable, StoreUnclear
from velox.base.logs import ThinnedLog
from velox.base.records import Outcome, Prediction, Record, time_of, utc_text
from velox.consumer.sources.rules import Sources
from velox.consumer.stages.batch import Batch
from velox.consumer.stages.store_writer import write_patiently
from velox.images.header import extension
from velox.models.engine.interface import Engine
from velox.monitoring.metrics import Metrics
from velox.stores.review_interface import ReviewStore

# Of the confidences between a threshold and 1, those so near above the threshold are unsure.
NEARLY = 1 / 4
# How many there are is asked so often at most; until then there may be a few too many.
TRIM_EVERY_S = 1.0
KINDS = ("unsure", "random")

log = logging.getLogger(__name__)


class _Found(NamedTuple):
    """What speaks for an image: `doubt` as `doubt_of`, and whether it is of the random share."""

    threshold: float
    doubt: str | None
    chance: float
    random: bool


class Candidates:
    """Chooses among what was predicted, and keeps that durably.

    Whether an image is of the random share follows from its record's id alone, so a record that
    comes again is chosen again, and replaces itself. What the bounds leave out is counted.

    Args:
        store: where they go.
        share: of all images, chosen by chance.
        per_hour: kept in any hour at most; the random share is left out last.
        most: kept in all; the random share goes last.
        metrics: updated as it goes.
        abort: ends the tries.
        clock: monotonic seconds.
        wall_clock: seconds since the epoch.
    """

    def __init__(
        self,
        store: ReviewStore,
        share: float,
        per_hour: int,
        most: int,
        *,
        metrics: Metrics,
        abort: threading.Event,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._share = share
        self._allowance = Allowance(per_hour, clock)
        self._most = most
        self._metrics = metrics
        self._abort = abort
        self._clock = clock
        self._wall_clock = wall_clock
        self._next_trim = clock()
        self._trouble = ThinnedLog(log, per_second=0.1)

    def keep(
        self, batches: Sequence[Batch], waiting: Callable[[str], AbstractContextManager[None]]
    ) -> None:
        """Make durable what of these batches is worth a look.

        Args:
            batches: predicted.
            waiting: entered while an answer of the store is waited for, by the store's name.

        Raises:
            Stopped: when told to abort before it was durable.
            StoreRefuses: when the store takes nothing until somebody changes something.
        """
        chosen = [each for batch in batches for each in self._chosen(batch)]
        if chosen:
            with waiting(self._store.name):
                self._write(chosen)
        if self._clock() >= self._next_trim:
            self._trim()

    def keep_disagreements(
        self, engine: Engine, sources: Sources, decided: Sequence[tuple[Record, Prediction]]
    ) -> None:
        """Make durable what another model decides otherwise, unless it is kept anyway.

        May be called beside `keep`, by another thread.

        Args:
            engine: the model in use.
            sources: the rules that its decisions were made by.
            decided: the records, and what that model has decided.

        Raises:
            Stopped, StoreRefuses: as `keep`.
        """
        chosen = [
            self._kept(engine, record, prediction, found, DISAGREEMENT)
            for record, prediction, found in self._looked_at(engine, sources, decided, sure=True)
            if self._let_through(random=False)
        ]
        if chosen:
            self._write(chosen)

    def _chosen(self, batch: Batch) -> Iterator[Kept]:
        """Those that the allowance has room for."""
        if not batch.predictions:
            return
        engine = batch.predictor.engine
        looked_at = self._looked_at(engine, batch.sources, batch.predictions, sure=False)
        for record, prediction, found in looked_at:
            if self._let_through(random=found.random):
                yield self._kept(engine, record, prediction, found, found.doubt or RANDOM)

    def _looked_at(
        self,
        engine: Engine,
        sources: Sources,
        decided: Sequence[tuple[Record, Prediction]],
        *,
        sure: bool,
    ) -> Iterator[tuple[Record, Prediction, _Found]]:
        """Those for which something speaks, or, the sure ones, those for which nothing does."""
        thresholds = dict(zip(engine.labels, engine.thresholds, strict=True))
        for record, prediction in decided:
            chance = chance_of(record.id)
            threshold = thresholds[prediction.label]
            if (rule := sources.of(record)) is not None:
                threshold = rule.threshold_of(prediction.label, threshold)
            doubt, random = doubt_of(prediction, threshold), chance < self._share
            if (doubt is None and not random) == sure:
                yield record, prediction, _Found(threshold, doubt, chance, random)

    def _let_through(self, *, random: bool) -> bool:
        if self._allowance.take(first=random):
            return True
        self._metrics.review_dropped.labels(KINDS[random], "rate").inc()
        return False

    def _kept(
        self, engine: Engine, record: Record, prediction: Prediction, found: _Found, reason: str
    ) -> Kept:
        now_ms = int(1000 * self._wall_clock())
        candidate = Candidate(
            id=record.id,
            timestamp=time_of(record, now_ms),
            kept_at=utc_text(now_ms),
            predicted_label=prediction.label,
            confidence=prediction.confidence,
            outcome=prediction.outcome,
            threshold=_finite(found.threshold),
            reason=reason,
            chance=found.chance,
            random=found.random,
            ground_truth=record.header("label"),
            source=record.source,
            model=engine.digest,
            extension=extension(record.value or b""),
        )
        return Kept(candidate, record.value or b"")

    def _write(self, chosen: Sequence[Kept]) -> None:
        refused = write_patiently(self._store, chosen, stop=self._abort, on_failure=self._again)
        self._count(chosen, {each.id: str(why) for each, why in refused})

    def _count(self, chosen: Sequence[Kept], refused: Mapping[str, str]) -> None:
        for each in chosen:
            candidate = each.candidate
            if (why := refused.get(candidate.id)) is None:
                self._metrics.review_kept.labels(candidate.reason).inc()
                continue
            self._metrics.review_dropped.labels(KINDS[candidate.random], "refused").inc()
            self._trouble.warning("not kept for review id=%s reason=%r", candidate.id, why)

    def _trim(self) -> None:
        """Remove what is too many; what fails is tried again, and no image waits for it."""
        self._next_trim = self._clock() + TRIM_EVERY_S
        try:
            removed = self._store.trim(self._most)
        except (StoreUnavailable, StoreUnclear) as error:
            self._trouble.warning(
                "could not remove what is more than REVIEW_KEEP=%d store=%s reason=%r",
                self._most,
                self._store.name,
                str(error),
            )
            return
        for rank, count in enumerate(removed):
            kind = KINDS[rank % JUDGED == RANDOM_RANK]
            self._metrics.review_dropped.labels(kind, "number").inc(count)

    def _again(self, error: Exception) -> None:
        self._metrics.store_retries.inc()
        self._trouble.warning("store unavailable, trying again reason=%r", str(error))


def doubt_of(prediction: Prediction, threshold: float) -> str | None:
    """Why a decision is unsure, one of `velox.base.candidates.REASONS`; None where it is sure.

    Args:
        prediction: what was decided.
        threshold: the least confidence of a match of its label, infinity for never.
    """
    if prediction.outcome is Outcome.UNKNOWN:
        return UNKNOWN
    if prediction.confidence < threshold:
        return BELOW
    return NEAR if prediction.confidence < threshold + NEARLY * (1 - threshold) else None


def _finite(threshold: float) -> float | None:
    return threshold if threshold <= 1 else None
