"""What batches came to, counted once it is durable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from velox.base.records import DeadLetter, Detection, Outcome, Prediction, Record, usable_timestamp
from velox.consumer.stages.batch import Batch
from velox.monitoring.metrics import Metrics
from velox.monitoring.window import NO_TRUTH, RIGHT, UNDECIDED, WRONG

NO_LABEL = ""
UNKNOWN_TRUTH = "other"


def count(
    metrics: Metrics,
    batches: Sequence[Batch],
    detections: Sequence[Detection],
    dead: Sequence[DeadLetter],
    now: float,
    untold: Sequence[DeadLetter] = (),
) -> None:
    """Count what batches came to.

    Args:
        metrics: where.
        batches: which.
        detections: their matches that are stored.
        dead: their dead letters, but for those in `untold`.
        now: seconds since the epoch.
        untold: letters of records whose result was refused; what became of the record besides
            counts as well.
    """
    came_to = Counter(each.outcome for batch in batches for _, each in batch.predictions)
    came_to[Outcome.STALE] = sum(len(batch.stale) for batch in batches)
    # Of the matches some may have become dead letters.
    came_to[Outcome.MATCH] = len(detections)
    for outcome, times in came_to.items():
        metrics.records.labels(outcome).inc(times)
    metrics.records.labels("dead_letter").inc(len(dead))
    for label, times in Counter(each.predicted_label for each in detections).items():
        metrics.matches.labels(label).inc(times)
    for letter in (*dead, *untold):
        metrics.dead_letters.labels(letter.stage, type(letter.error).__name__).inc()
    for batch in batches:
        _count_predictions(metrics, batch, now)


def finished(batches: Sequence[Batch], dead: Sequence[DeadLetter]) -> Iterator[tuple[Record, str]]:
    """The records of batches, each with its outcome.

    Args:
        batches: which.
        dead: their dead letters, also of matches that the store refused.
    """
    gone = {letter.record.id for letter in dead}
    for letter in dead:
        yield letter.record, "dead_letter"
    for batch in batches:
        for record, prediction in batch.predictions:
            if not gone or record.id not in gone:
                yield record, prediction.outcome
        for record in batch.stale:
            yield record, Outcome.STALE


def _count_predictions(metrics: Metrics, batch: Batch, now: float) -> None:
    unknown = _unknown_truth(batch.labels)
    pairs = [(p.label, _truth(record, batch.labels, unknown)) for record, p in batch.predictions]
    for (label, truth), times in Counter(pairs).items():
        metrics.predictions.labels(label, truth).inc(times)
    if batch.decided is not None:
        batch.decided.right[:] = [
            _verdict(prediction, truth)
            for (_, prediction), (_, truth) in zip(batch.predictions, pairs, strict=True)
        ]
    metrics.outlook.add(batch.model, batch.labels, batch.reference, batch.decided)
    if batch.predictions:
        confidences = [prediction.confidence for _, prediction in batch.predictions]
        metrics.batch_confidence.set(sum(confidences) / len(confidences))
    for record, _ in batch.predictions:
        if usable_timestamp(record.timestamp_ms):
            metrics.end_to_end.observe(max(0.0, now - record.timestamp_ms / 1000))


def _verdict(prediction: Prediction, truth: str) -> int:
    if prediction.outcome is Outcome.UNKNOWN:
        return UNDECIDED
    if truth == NO_LABEL:
        return NO_TRUTH
    return RIGHT if prediction.label == truth else WRONG


def _truth(record: Record, labels: Sequence[str], unknown: str) -> str:
    """The record's ground truth as a metric's label; those the model does not know are one."""
    truth = record.header("label")
    if truth is None:
        return NO_LABEL
    return truth if truth in labels else unknown


def _unknown_truth(labels: Sequence[str]) -> str:
    """Stands for truths that the model does not know; never one of its own labels."""
    name = UNKNOWN_TRUTH
    while name in labels:
        name = f"({name})"
    return name
