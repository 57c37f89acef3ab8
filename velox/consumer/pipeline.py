"""The pipeline: one direction, in order.

    poll thread -> bounded queue -> batch -> decode -> infer -> files -> store -> commit

Each stage is a thread, joined to the next by a short queue, so that one batch is decoded while the
one before it is in the model and the one before that is being stored. The model has two threads:
cores that are done with one batch start on the next. Only the queue before the store is as long as
the ledger allows: batches that came while a write was under way go into the next one together, so
a slow store costs latency and no throughput. Batches finish in the order they were formed.
When a stage fails, or the drain runs out of time, the stages discard what comes: it is not
committed, so it comes again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from queue import Queue, SimpleQueue
from typing import TypeVar

from velox.base.ending import ended_after
from velox.base.records import Record
from velox.base.waiting import Stopped, until_told
from velox.consumer.polling.ledger import Ledger
from velox.consumer.polling.poller import Poller
from velox.consumer.sources.rules import NO_RULES, Sources
from velox.consumer.stages.batch import END, FREE, Batch, End, Free, all_waiting, collect
from velox.consumer.stages.breaker import Breaker
from velox.consumer.stages.model_slot import ModelSlot
from velox.consumer.stages.recorder import Recorder
from velox.monitoring.metrics import Metrics

BATCHES_BETWEEN_STAGES = 2
BATCHES_IN_THE_MODEL = 2
# Enough for 25,000 a second where a write takes 20 ms; what fails is repeated in smaller parts.
RECORDS_STORED_TOGETHER = 512
STAGES_END_TIMEOUT_S = 0.5
# After the drain, the last commit and the goodbye to the group have limits too, of 3 s together:
# what takes so much longer hangs in a library.
HANG_AFTER_S = 20.0
# What was ahead of a held batch has ended once nothing has for so long.
HELD_IDLE_S = 1.0
LOOK_EVERY_S = 0.1

T = TypeVar("T")
log = logging.getLogger(__name__)


class Pipeline:
    """Runs the stages until told to stop, or until one of them fails.

    Args:
        poller: delivers records in order; the ledger bounds them.
        ledger: told when records are durable.
        models: the model that a new batch is to use.
        sources: tells the rules of sources that a new batch is to use.
        decode: the decode stage.
        infer: the infer stage; several threads ask it at the same time.
        recorder: makes outcomes durable.
        metrics: updated as it goes.
        batch_size: images at which a batch closes.
        batch_timeout: seconds after its first image at which it closes at the latest; it closes
            earlier when the model has nothing to do and no further image is there.
        abort: set by the pipeline to end the recorder's retries.
        breaker: tells whether a batch is held, which no drain waits for.

    Attributes:
        poller: as it was given.
    """

    def __init__(
        self,
        *,
        poller: Poller,
        ledger: Ledger,
        models: ModelSlot,
        decode: Callable[[Batch], None],
        infer: Callable[[Batch], None],
        recorder: Recorder,
        metrics: Metrics,
        batch_size: int,
        batch_timeout: float,
        abort: threading.Event,
        breaker: Breaker,
        sources: Callable[[], Sources] = lambda: NO_RULES,
    ) -> None:
        self.poller = poller
        self._intake: SimpleQueue[Record | End | Free] = SimpleQueue()
        self._ledger = ledger
        self._models = models
        self._sources = sources
        self._decode = decode
        self._infer = infer
        self._recorder = recorder
        self._metrics = metrics
        self._batch_size = batch_size
        self._batch_timeout = batch_timeout
        self._abort = abort
        self._breaker = breaker
        self._failure: BaseException | None = None
        self._stop = threading.Event()
        self._to_infer: Queue[Batch | End] = Queue(BATCHES_BETWEEN_STAGES)
        self._to_files: Queue[Batch | End] = Queue(BATCHES_BETWEEN_STAGES)
        self._to_store: SimpleQueue[Batch | End] = SimpleQueue()
        self._in_order = threading.Lock()
        self._measuring = threading.Lock()
        self._ended: dict[str, float] = {}

    def run(self, stop: threading.Event) -> None:
        """Run until told to stop; then drain, commit and leave the group.

        Raises:
            BaseException: what made a stage or the poller fail.
        """
        self._stop = stop
        threads = [
            threading.Thread(target=self._batches, name="decode", daemon=True),
            *(
                threading.Thread(target=self._inference, name="infer", daemon=True)
                for _ in range(BATCHES_IN_THE_MODEL)
            ),
            threading.Thread(target=self._filing, name="files", daemon=True),
            threading.Thread(target=self._storing, name="store", daemon=True),
        ]
        polling = threading.Thread(target=self._poll, name="poll", daemon=True)
        for thread in (*threads, polling):
            thread.start()
        until_told(stop)
        with ended_after(self.poller.drain_timeout + HANG_AFTER_S):
            self._await_drain(polling)
            self._abort.set()
            self._intake.put(END)
            deadline = time.monotonic() + STAGES_END_TIMEOUT_S
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))
        if self._failure is not None:
            raise self._failure

    def _await_drain(self, polling: threading.Thread) -> None:
        """Until the poller has drained; what the breaker holds is not waited for."""
        while polling.is_alive():
            if self._breaker.paused() is not None and self._ledger.idle_seconds() > HELD_IDLE_S:
                self._ledger.abandon()
            polling.join(LOOK_EVERY_S)

    def _poll(self) -> None:
        try:
            self.poller.run(self._stop, self._intake.put)
        except Exception as error:
            self._fail(error)

    def _batches(self) -> None:
        while True:
            records = collect(
                self._intake,
                size=self._batch_size,
                timeout=self._batch_timeout,
                is_free=lambda: self._to_infer.unfinished_tasks < BATCHES_IN_THE_MODEL,
            )
            if records is None:
                break
            self._observe_wait(records)
            batch = Batch(records, self._models.take(), self._sources())
            if self._through("decode", self._decode, batch):
                self._to_infer.put(batch)
        for _ in range(BATCHES_IN_THE_MODEL):
            self._to_infer.put(END)

    def _inference(self) -> None:
        while not isinstance(batch := self._next_to_infer(), End):
            self._through("infer", self._infer, batch)
            self._models.give_back(batch.predictor)
            batch.inferred.set()
            self._to_infer.task_done()
            self._intake.put(FREE)

    def _next_to_infer(self) -> Batch | End:
        """The next batch, which is handed on before it is inferred: so batches keep their order."""
        with self._in_order:
            batch = self._to_infer.get()
            self._to_files.put(batch)
            return batch

    def _filing(self) -> None:
        while not isinstance(batch := self._to_files.get(), End):
            batch.inferred.wait()
            if self._through("files", self._recorder.write_files, batch):
                self._to_store.put(batch)
        self._to_store.put(END)

    def _storing(self) -> None:
        while group := all_waiting(self._to_store, most=RECORDS_STORED_TOGETHER):
            if self._through("store", self._recorder.record, group):
                for batch in group:
                    self._ledger.finish(batch.records)

    def _through(self, stage: str, work: Callable[[T], None], item: T) -> bool:
        """One batch, or several, through one stage; whether it may go on.

        Once anything has failed, batches are discarded.
        """
        if self._abort.is_set():
            return False
        started = time.monotonic()
        try:
            work(item)
        except Stopped:
            return False
        except Exception as error:
            self._fail(error)
            return False
        self._observe(stage, started, time.monotonic())
        return True

    def _observe_wait(self, records: Sequence[Record]) -> None:
        self._metrics.batch_size.observe(len(records))
        waited = time.monotonic() - records[0].received
        self._metrics.stage_seconds.labels("queue").observe(waited)

    def _observe(self, stage: str, started: float, ended: float) -> None:
        """Measure a stage's work: what two batches share in time counts once."""
        with self._measuring:
            since = max(started, self._ended.get(stage, started))
            self._ended[stage] = ended
        self._metrics.stage_seconds.labels(stage).observe(max(0.0, ended - since))

    def _fail(self, error: BaseException) -> None:
        """Remember the first failure, discard all that is in flight, and stop."""
        self._failure = self._failure or error
        log.error("pipeline failed error=%s: %s", type(error).__name__, error)
        self._abort.set()
        self._ledger.abandon()
        self._stop.set()
