"""The infer stage: a batch's images through the model, and what becomes of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from velox.base.errors import InferenceFailed
from velox.base.freshness import ALWAYS_FRESH, Freshness
from velox.base.records import DeadLetter, Prediction, Record
from velox.consumer.sources.rules import Sources
from velox.consumer.stages.batch import NO_IMAGES, Batch
from velox.consumer.stages.breaker import Breaker
from velox.consumer.stages.decider import Decider
from velox.consumer.stages.decoder import Decoder
from velox.consumer.stages.model_slot import ModelSlot
from velox.images import known_good
from velox.images.appearance import looks
from velox.models.engine.interface import Engine, Images, Predictions
from velox.monitoring.window import Decided

STAGE = "infer"

Failures = Collection[int]
Predicted = tuple[Predictions, dict[int, InferenceFailed]]
# What else sees a batch that was decided; the rows of its images that have no answer are named.
Show = Callable[[Batch, Failures], None]


def to_nobody(_batch: Batch, _failures: Failures) -> None:
    """Show a batch to nobody else."""


class Inference:
    """Adds to a batch its predictions, and the records that the model has no answer for.

    Args:
        models: the model in use.
        decoder: for images that another model is to see.
        breaker: asked before what the model refuses becomes dead letters.
        decide: tells what a prediction comes to.
        show: is shown each batch as long as it has its pixels; it must not wait.
        freshness: tells which images have become too old while they waited for the model.
    """

    def __init__(
        self,
        models: ModelSlot,
        decoder: Decoder,
        breaker: Breaker,
        decide: Decider,
        show: Show = to_nobody,
        freshness: Freshness = ALWAYS_FRESH,
    ) -> None:
        self._freshness = freshness
        self._models = models
        self._decoder = decoder
        self._breaker = breaker
        self._decide = decide
        self._show = show

    def __call__(self, batch: Batch) -> None:
        """Classify what was decoded; several threads may come at the same time."""
        if self._freshness.limited:
            batch.leave_out(self._freshness.stale_rows(batch.classifiable))
        if not batch.classifiable:
            return
        found, failures = self._breaker.until_taken(
            STAGE,
            lambda: self._predict(batch),
            told=lambda done: (len(done[0].indices), list(done[1].values())),
            probe=lambda: self._model_fails(batch),
        )
        batch.dead += [
            DeadLetter(batch.classifiable[row], STAGE, failures[row]) for row in sorted(failures)
        ]
        batch.predictions += decisions(
            batch.predictor.engine, batch.classifiable, batch.sources, self._decide, found, failures
        )
        if batch.reference is not None:
            batch.decided = _decided(found, failures, batch.images)
        self._show(batch, failures)
        # As many batches as the ledger allows may wait for the store: not with their pixels.
        batch.images = NO_IMAGES

    def _predict(self, batch: Batch) -> Predicted:
        """With the batch's model, or the one that took its place while the batch was held."""
        if batch.tried and batch.predictor is not self._models.current:
            self._models.give_back(batch.predictor)
            batch.predictor = self._models.take()
            engine = batch.predictor.engine
            batch.images, batch.classifiable, dead = self._decoder.decode(
                batch.classifiable, engine.input_size, engine.preprocessing, batch.sources
            )
            batch.dead += dead
        batch.tried = True
        return batch.predictor.predict(batch.images)

    def _model_fails(self, batch: Batch) -> InferenceFailed | None:
        size = batch.predictor.engine.input_size
        return batch.predictor.predict(known_good.pixels(size))[1].get(0)


def decisions(
    engine: Engine,
    records: Sequence[Record],
    sources: Sources,
    decide: Decider,
    found: Predictions,
    failures: Failures = (),
) -> list[tuple[Record, Prediction]]:
    """What a model's answers come to, in order.

    Args:
        engine: the model.
        records: what it was asked for.
        sources: the rules of where they come from.
        decide: tells what an answer comes to.
        found: the answers.
        failures: rows that have none; they are left out.
    """
    labels, several = engine.labels, found.indices.shape[1] > 1
    # Of Python's own numbers a loop over the images takes half as long.
    indices, confidences = (each.tolist() for each in found.best)
    unknown = (found.novelty > engine.unknown_above).tolist()
    decided = []
    for row, record in enumerate(records):
        if row in failures:
            continue
        index, confidence = indices[row], confidences[row]
        label = labels[index]
        least, rule = engine.thresholds[index], sources.of(record)
        outcome = decide(label, confidence, least, rule, unknown=unknown[row])
        top = _named(found, row, labels) if several else ()
        decided.append((record, Prediction(label, confidence, outcome, top)))
    return decided


def _decided(found: Predictions, failures: Failures, images: Images) -> Decided:
    """What is known of the images that the model had an answer for, in order."""
    decided = Decided.of(*found.best, looks(images))
    if not failures:
        return decided
    return decided.rows(np.array([row for row in range(len(decided)) if row not in failures], int))


def _named(found: Predictions, row: int, labels: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """The likeliest labels of an image with their probabilities."""
    pairs = zip(found.indices[row].tolist(), found.confidences[row].tolist(), strict=True)
    return tuple((labels[index], confidence) for index, confidence in pairs)
