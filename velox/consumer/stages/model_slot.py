"""The model in use, and its replacement by a newer one between two batches."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable

from velox.base.errors import CheckpointError, SettingError
from velox.base.waiting import Periodic
from velox.consumer.stages.asked import Asked
from velox.consumer.stages.predictor import BisectingPredictor
from velox.models.description import Description
from velox.models.engine.interface import Engine
from velox.models.files import ModelFiles
from velox.monitoring.metrics import Metrics

log = logging.getLogger(__name__)


class ModelSlot:
    """Holds the model in use. Safe to share between threads.

    A batch takes the model once and keeps it to its end, so a swap never falls into a batch; a
    model that no batch uses any more is closed.

    Args:
        engine: the first one.
        metrics: shows which model is in use.
        asked: labels that settings ask for; those that a model does not have are logged.

    Attributes:
        current: what the next batch is to use.
    """

    def __init__(self, engine: Engine, metrics: Metrics, asked: Asked | None = None) -> None:
        self._metrics = metrics
        self._asked = asked or Asked()
        self._lock = threading.Lock()
        self._users: Counter[BisectingPredictor] = Counter()
        self._closed = False
        self.current = BisectingPredictor(engine)
        self._show(engine)

    def take(self) -> BisectingPredictor:
        """The model in use, for one batch, which must give it back."""
        with self._lock:
            self._users[self.current] += 1
            return self.current

    def give_back(self, predictor: BisectingPredictor) -> None:
        """A batch has no more use for a model that it took."""
        with self._lock:
            self._users[predictor] -= 1
            left = self._unused(predictor)
        if left:
            _close(predictor.engine)

    def swap(self, engine: Engine) -> None:
        """Use another engine from the next batch on."""
        with self._lock:
            before, self.current = self.current, BisectingPredictor(engine)
            left = self._unused(before)
        self._metrics.model_info.clear()
        self._show(engine)
        self._metrics.model_swaps.inc()
        log.info("model swapped from=%s to=%s", before.engine.digest, engine.digest)
        if left:
            _close(before.engine)

    def say_what_is_unknown(self) -> None:
        """Log the labels that settings ask for and the model in use does not have."""
        engine = self.current.engine
        for said in self._asked.unknown_to(engine.labels):
            log.warning("%s model=%s", said, engine.digest)

    def close(self) -> None:
        """Close the model in use, unless a batch is in it: that ends with the process."""
        with self._lock:
            self._closed = True
            left = self._unused(self.current)
        if left:
            _close(self.current.engine)

    def _unused(self, predictor: BisectingPredictor) -> bool:
        """Whether nothing will use a model again."""
        if self._users[predictor] > 0:
            return False
        del self._users[predictor]
        return self._closed or predictor is not self.current

    def _show(self, engine: Engine) -> None:
        # An engine from before it was asked for has no precision.
        precision = getattr(engine, "precision", "")
        self._metrics.model_info.labels(
            engine.digest, engine.architecture, engine.input_size, engine.device, precision
        ).set(1)
        for label in engine.labels:
            self._metrics.matches.labels(label)
        self.say_what_is_unknown()


def _close(engine: Engine) -> None:
    """Let go of an engine; what hinders that is no reason to stop."""
    try:
        engine.close()
    except Exception as error:
        log.warning("old model could not be closed digest=%s reason=%r", engine.digest, str(error))


class ModelWatch:
    """Looks for a new checkpoint, loads it beside the old one and swaps.

    A file that cannot be used is refused, loudly and once, and the old model stays. Where the
    trouble may pass, it is tried again.

    Args:
        slot: where the model is swapped.
        files: the checkpoint and its labels; one that was refused is read again once one changes.
        load: reads the checkpoint; raises if it cannot be used.
        engine_of: makes a warm engine of a checkpoint; raises if it cannot be used.
        metrics: counts refusals.
        interval: seconds between two looks.
    """

    def __init__(
        self,
        slot: ModelSlot,
        *,
        files: ModelFiles,
        load: Callable[[], Description],
        engine_of: Callable[[Description], Engine],
        metrics: Metrics,
        interval: float,
    ) -> None:
        self._slot = slot
        self._files = files
        self._load = load
        self._engine_of = engine_of
        self._metrics = metrics
        self._interval = interval
        self._looking = Periodic(
            self.look, every=interval, name="model-watch", log=log, what="look for a new model"
        )

    def start(self) -> None:
        """Look from now on, in a thread."""
        self._looking.start()

    def close(self) -> None:
        """Stop looking; a load that is under way is left to the process's end."""
        self._looking.close()

    def look(self) -> None:
        """Swap if a file is another one than last time and there is another model."""
        if not self._files.due():
            return
        try:
            checkpoint = self._load()
            if checkpoint.digest != self._slot.current.engine.digest:
                self._slot.swap(self._engine_of(checkpoint))
        except Exception as error:
            refuse(self._files, error, self._metrics, self._interval)
        else:
            self._files.used()


def refuse(files: ModelFiles, error: Exception, metrics: Metrics, interval: float) -> bool:
    """Say that a new model cannot be used; whether it is tried again before its files change.

    Args:
        files: its files.
        error: why.
        metrics: counts it, once.
        interval: seconds between two looks at the files.
    """
    first, again = files.failed(error, bad=isinstance(error, CheckpointError | SettingError))
    if first:
        metrics.model_refusals.inc()
    if again is None:
        log.error("new model refused, keeping the old one reason=%r", str(error))
    else:
        log.warning(
            "new model not loaded, keeping the old one next_try_s=%g error=%s reason=%r",
            again * interval,
            type(error).__name__,
            str(error),
        )
    return again is not None
