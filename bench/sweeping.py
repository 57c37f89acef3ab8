"""What removing by age costs a store that has grown, and those who store meanwhile."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.measure import figure
from bench.results import Results
from velox.base.records import Detection
from velox.stores.interface import Store
from velox.stores.removal import FOUND, Removal
from velox.stores.sweep import STEP, sweep

ROUNDS = 50
# Between two batches, as they come.
PAUSE_S = 0.02


class Sweeps:
    """Measures one store.

    Args:
        results: where to.
        name: of the store.
        removal: takes its documents away.
        until_ms: documents before that may go.
    """

    def __init__(self, results: Results, name: str, removal: Removal, until_ms: int) -> None:
        self._results = results
        self._name = name
        self._removal = removal
        self._until_ms = until_ms

    def measure(self, store: Store, batches: Sequence[Sequence[Detection]]) -> None:
        """A look that finds nothing, a step, and durable writes without and beside a sweep.

        Args:
            store: the same one, for writing.
            batches: documents that are not there yet.
        """
        self._tell("a sweep that finds nothing", lambda: self._step(0), ROUNDS)
        self._tell(f"a sweep's step of {STEP}", lambda: self._step(self._until_ms), ROUNDS)
        each = iter(batches)
        half = len(batches) // 2
        self._tell("a batch, before a sweep", lambda: store.write(next(each)), half)
        with self._sweeping() as removed:
            self._tell("a batch, beside a sweep", lambda: store.write(next(each)), half)
            self._results.add(
                "size", {f"{self._name}, swept a second": figure([removed()], "documents/s")}
            )

    def _step(self, before_ms: int) -> None:
        self._removal.remove_before(FOUND, before_ms, STEP)

    def _tell(self, what: str, call: Callable[[], object], rounds: int) -> None:
        found = []
        for _ in range(rounds):
            time.sleep(PAUSE_S)
            started = time.perf_counter()
            call()
            found.append(1000 * (time.perf_counter() - started))
        self._results.add("size", {f"{self._name}, {what}": figure(found, "ms")})

    @contextmanager
    def _sweeping(self) -> Iterator[Callable[[], float]]:
        """A sweep in a thread of its own; gives documents a second up to now."""
        stop, started, removed = threading.Event(), time.monotonic(), 0

        def tell(_what: str, count: int) -> None:
            nonlocal removed
            removed += count

        def work() -> None:
            with tempfile.TemporaryDirectory() as folder:
                sweep(
                    self._removal,
                    Path(folder),
                    self._until_ms,
                    pause=lambda seconds: not stop.wait(seconds),
                    tell=tell,
                )

        thread = threading.Thread(target=work, name="sweep")
        thread.start()
        try:
            yield lambda: removed / (time.monotonic() - started)
        finally:
            stop.set()
            thread.join()
