"""The model in use, and its replacement by a newer one between two batches."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from velox.inference import BisectingPredictor
from velox.metrics import Metrics

if TYPE_CHECKING:
    from velox.engine import Engine
    from velox.model import Checkpoint

log = logging.getLogger(__name__)

Signature = tuple[int, int, int, int]
Signatures = tuple[Signature | None, ...]


class ModelSlot:
    """Holds the model in use. Safe to share between threads.

    A batch takes the model once and keeps it to its end, so a swap never falls into a batch; a
    model that nothing uses any more is freed.

    Args:
        engine: the first one.
        metrics: shows which model is in use.
    """

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self._metrics = metrics
        self.current = BisectingPredictor(engine)
        self._show(engine)

    def swap(self, engine: Engine) -> None:
        """Use another engine from the next batch on."""
        before = self.current.engine
        self.current = BisectingPredictor(engine)
        self._metrics.model_info.clear()
        self._show(engine)
        self._metrics.model_swaps.inc()
        log.info("model swapped from=%s to=%s", before.digest, engine.digest)

    def _show(self, engine: Engine) -> None:
        self._metrics.model_info.labels(
            engine.digest, engine.architecture, engine.input_size, engine.device
        ).set(1)
        for label in engine.labels:
            self._metrics.matches.labels(label)


class ModelWatch:
    """Looks for a new checkpoint, loads it beside the old one and swaps.

    A file that cannot be used is refused, loudly and once, and the old model stays.

    Args:
        slot: where the model is swapped.
        model_path: the checkpoint.
        classes_path: its labels; a checkpoint that was refused is read again once they change.
        load: reads the checkpoint; raises if it cannot be used.
        engine_of: makes a warm engine of a checkpoint; raises if it cannot be used.
        metrics: counts refusals.
        interval: seconds between two looks.
    """

    def __init__(
        self,
        slot: ModelSlot,
        *,
        model_path: Path,
        classes_path: Path,
        load: Callable[[], Checkpoint],
        engine_of: Callable[[Checkpoint], Engine],
        metrics: Metrics,
        interval: float,
    ) -> None:
        self._slot = slot
        self._files = (model_path, classes_path)
        self._load = load
        self._engine_of = engine_of
        self._metrics = metrics
        self._interval = interval
        self._seen: Signatures = ()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="model-watch", daemon=True)

    def start(self) -> None:
        """Look from now on, in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking; a load that is under way is left to the process's end."""
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(self._interval):
            self.look()

    def look(self) -> None:
        """Swap if a file is another one than last time and there is another model."""
        signatures = tuple(map(_signature, self._files))
        if None in signatures or signatures == self._seen:
            return
        self._seen = signatures
        try:
            checkpoint = self._load()
            if checkpoint.digest != self._slot.current.engine.digest:
                self._slot.swap(self._engine_of(checkpoint))
        except Exception as error:
            self._metrics.model_refusals.inc()
            log.error("model refused, the old one stays reason=%r", str(error))


def _signature(path: Path) -> Signature | None:
    """What differs once a file is written or replaced; None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
