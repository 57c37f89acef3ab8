"""The last two stages: make all that batches came to durable, in the order that loses nothing.

Image files first, then documents that name them, then results for other systems, then dead
letters. Only when all are acknowledged may the batches' offsets be committed. What the store or the
broker cannot take now is tried again for as long as it takes; what the store refuses for good
becomes a dead letter. Files are a stage of their own, so that those of one batch are written while
the database takes the documents of those before.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from velox.base.logs import ThinnedLog
from velox.base.records import (
    DeadLetter,
    Detection,
    Outcome,
    Prediction,
    Record,
    time_of,
    usable_timestamp,
    utc_text,
)
from velox.base.sink_errors import Verdict, verdict_of
from velox.consumer.sources.counts import SourceCounts
from velox.consumer.stages.agreement import store_agreeing
from velox.consumer.stages.batch import Batch
from velox.consumer.stages.breaker import NEVER, Breaker
from velox.consumer.stages.candidates import Candidates
from velox.consumer.stages.counts import count, finished
from velox.consumer.stages.results import Result
from velox.consumer.stages.store_writer import write_patiently
from velox.consumer.stages.topic_sender import Receiver, TopicSender
from velox.images import known_good
from velox.monitoring.live.matches import LatestMatches
from velox.monitoring.metrics import Metrics
from velox.stores.file_errors import FILES
from velox.stores.image_files import ImageFiles
from velox.stores.interface import Rejected, Store

STAGE = "store"
RESULTS_STAGE = "results"
LETTERS_STAGE = "dead_letter"

log = logging.getLogger(__name__)


class Recorder:
    """Writes down what batches came to.

    Args:
        store: where detections go.
        files: where matched images go.
        dead_letters: where records go that cannot be classified or stored.
        metrics: updated once it is durable.
        abort: ends retries; what was not durable by then is not committed either.
        results: where what every image came to goes, if anywhere.
        latest: shown what was matched, if anybody looks.
        candidates: keeps what is worth a look, if anything is kept.
        breaker: asked before what the store refuses becomes dead letters; by default nothing is.
        sources: counts what each source gave, if anybody wants to know.
        wall_clock: seconds since the epoch.

    Attributes:
        waiting_for: the server whose answer the recorder waits for at this moment, if any; each
            attempt has a limit of its own, so only a server that is away keeps it waiting.
    """

    def __init__(
        self,
        *,
        store: Store,
        files: ImageFiles,
        dead_letters: Receiver[DeadLetter],
        metrics: Metrics,
        abort: threading.Event,
        results: Receiver[Result] | None = None,
        latest: LatestMatches | None = None,
        candidates: Candidates | None = None,
        breaker: Breaker | None = None,
        sources: SourceCounts | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._files = files
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._abort = abort
        self._results = results
        self._latest = latest
        self._candidates = candidates
        self._breaker = breaker or Breaker(share=NEVER, metrics=metrics, abort=abort)
        self._topics = TopicSender(breaker=self._breaker, abort=abort, waiting=self._waiting)
        self._sources = sources
        self._wall_clock = wall_clock
        self._match_log = ThinnedLog(log, per_second=3)
        self._trouble_log = ThinnedLog(log, per_second=0.1)
        self.waiting_for: str | None = None

    def write_files(self, batch: Batch) -> None:
        """Find the matches and write their images."""
        found = [each for each in batch.predictions if each[1].outcome is Outcome.MATCH]
        records = [record for record, _ in found]
        written = self._files.write_all(records) if records else []
        batch.matches = [
            (record, prediction, self._path(record, path))
            for (record, prediction), path in zip(found, written, strict=True)
        ]

    def record(self, batches: Sequence[Batch]) -> None:
        """Make all else durable, that of several batches together.

        Args:
            batches: one or more, in order.

        Raises:
            Stopped: when told to abort before it was durable.
            StoreRefuses: when the store takes nothing until somebody changes something.
        """
        now_ms = int(self._wall_clock() * 1000)
        records = {record.id: record for batch in batches for record, _, _ in batch.matches}
        detections = [
            _detection(*match, batch.model, now_ms) for batch in batches for match in batch.matches
        ]
        refused: Rejected = []
        if detections:
            stored = partial(self._stored, last=batches[-1])
            refused = store_agreeing(detections, self._files.gone, stored)
        dead = [
            *(letter for batch in batches for letter in batch.dead),
            *(DeadLetter(records[each.id], STAGE, reason) for each, reason in refused),
        ]
        if self._candidates is not None:
            self._candidates.keep(batches, self._waiting)
        untold = self._send_results(batches)
        if dead or untold:
            self._send_letters([*dead, *untold])
        lost = {each.id for each, _ in refused}
        kept = [each for each in detections if each.id not in lost]
        self._count(batches, kept, dead, untold)
        if self._latest is not None:
            self._latest.add([(each, records[each.id]) for each in kept])

    @staticmethod
    def _as_results(batches: Sequence[Batch]) -> list[Result]:
        return [
            Result(record, prediction, batch.model)
            for batch in batches
            for record, prediction in batch.came_to()
        ]

    def _path(self, record: Record, written: str | OSError | None) -> str | None:
        """A detection without its image is better than none: a full disk stops no documents."""
        if not isinstance(written, OSError):
            return written
        self._metrics.image_write_errors.inc()
        alone = verdict_of(FILES, written.errno) is Verdict.NOT_THIS_ONE
        self._trouble_log.warning(
            "image not written, only this one fails id=%s reason=%r"
            if alone
            else "image not written, and none will be while this lasts id=%s reason=%r",
            record.id,
            str(written),
        )
        return None

    def _stored(self, detections: Sequence[Detection], last: Batch) -> Rejected:
        """Write until what is refused is the documents' fault; returns that."""

        def told(refused: Rejected) -> tuple[int, list[Exception]]:
            return len(detections), [reason for _, reason in refused]

        return self._breaker.until_taken(
            STAGE,
            lambda: self._write(detections),
            told=told,
            probe=lambda: self._store.probe(known_good.detection(last.labels, last.model)),
        )

    def _write(self, detections: Sequence[Detection]) -> Rejected:
        def again(error: Exception) -> None:
            self._metrics.store_retries.inc()
            self._trouble_log.warning("store unavailable, trying again reason=%r", str(error))

        with self._waiting(self._store.name):
            return write_patiently(self._store, detections, stop=self._abort, on_failure=again)

    def _send_results(self, batches: Sequence[Batch]) -> list[DeadLetter]:
        """Send the results, if they are wanted; returns letters of those that are refused."""
        if self._results is None or not (results := self._as_results(batches)):
            return []
        failed = self._metrics.result_retries.inc
        refused = self._topics.send(RESULTS_STAGE, results, self._results, failed)
        self._metrics.results_refused.inc(len(refused))
        return [DeadLetter(result.record, RESULTS_STAGE, reason) for result, reason in refused]

    def _send_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Send dead letters; of those that are refused nothing is left but the log and a count."""
        failed = self._metrics.dead_letter_retries.inc
        refused = self._topics.send(LETTERS_STAGE, letters, self._dead_letters, failed)
        for letter, reason in refused:
            self._metrics.dead_letters_lost.inc()
            self._trouble_log.error(
                "dead letter lost id=%s stage=%s error=%r reason=%r",
                letter.record.id,
                letter.stage,
                f"{type(letter.error).__name__}: {letter.error}",
                str(reason),
            )

    @contextmanager
    def _waiting(self, what: str) -> Iterator[None]:
        self.waiting_for = what
        yield
        self.waiting_for = None

    def _count(
        self,
        batches: Sequence[Batch],
        detections: Sequence[Detection],
        dead: Sequence[DeadLetter],
        untold: Sequence[DeadLetter],
    ) -> None:
        count(self._metrics, batches, detections, dead, self._wall_clock(), untold)
        if self._sources is not None:
            self._sources.count(finished(batches, dead))
        for letter in (*dead, *untold):
            self._trouble_log.warning(
                "dead letter id=%s stage=%s reason=%s: %s",
                letter.record.id,
                letter.stage,
                type(letter.error).__name__,
                letter.error,
            )
        if stale := [record for batch in batches for record in batch.stale]:
            self._trouble_log.warning(
                "not classified, older than MAX_AGE_S images=%d first=%s taken=%s",
                len(stale),
                stale[0].id,
                utc_text(stale[0].timestamp_ms),
            )
        for each in detections:
            self._match_log.info("MATCH: %s (Conf: %.2f)", each.predicted_label, each.confidence)


def _detection(
    record: Record, prediction: Prediction, path: str | None, model: str, now_ms: int
) -> Detection:
    captured = usable_timestamp(record.timestamp_ms)
    return Detection(
        id=record.id,
        timestamp=time_of(record, now_ms),
        predicted_label=prediction.label,
        confidence=prediction.confidence,
        ground_truth=record.header("label"),
        file_path=path,
        source=record.source,
        latency_ms=float(max(0, now_ms - record.timestamp_ms)) if captured else 0.0,
        model=model,
    )
