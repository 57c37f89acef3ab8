"""consumer.py with a small exact model, and with faults at chosen points. For tests alone.

Nothing of this is in the production path: the hooks are put around Velox's classes from outside,
before `consumer.main` runs. What they do is told by one environment variable, HOOKS, in JSON:

    own_model          it has the model that MODEL_PATH names, and no small exact one
    kill_after         [point, n]: SIGKILL to itself after the n-th `file`, `document` or
                       `dead_letter` was written, before the n-th `commit`, or after the n-th
                       time that a file was `gone`, documents `cleared` of theirs, or any `swept`;
                       of images for review in MongoDB after the n-th `review_image`, before its
                       document is there, where n is odd, or after the n-th `review_document`
    confidence         of each prediction, in the place of 0.99; from 0.9 on it is a match
    seconds_a_batch    how long the model takes
    seconds_a_write    how long the store takes, however many documents a write is of
    hold_interpreter_s how long the first batch lets no thread of Python run
    hang_at_end_s      how long the client does not answer once the consumer stops, as above
    hang_after_s       what the consumer takes for that, after its drain
    raise_on_white     the model raises on a batch that holds a white image
    raise_while        the model raises on any batch while this file is there
    memory_images      the model is out of memory for a batch larger than this
    memory_failures    how many times at most
    clock_offset       seconds that the wall clock of this process is ahead
    blind              it never looks again at which topic it reads
    sweep_every_s      how often it looks for what is older than KEEP_DAYS
    watchdog_s         how often it looks at its own health
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.rig.pictures import COLOURS
from tests.rig.stand_in import stand_in, stand_in_for_the_engine
from velox.base.errors import EngineOutOfMemory
from velox.images.preprocessing import Preprocessing
from velox.models.engine.interface import Predictions

HOOKS: Mapping[str, Any] = json.loads(os.environ.get("HOOKS", "{}"))
WHITE_FROM = 250


class ColourEngine:
    """Tells the colour of an image by its largest channel, exactly and at once."""

    labels = COLOURS
    input_size = 32
    preprocessing = Preprocessing()
    architecture = "colour"
    device = "cpu"
    precision = "exact"
    thresholds = (0.9,) * len(COLOURS)
    unknown_above = math.inf
    of_sources: tuple[tuple[float, ...], ...] = ()
    top = 1
    digest = "0123456789ab"
    reference = None
    novelty = None

    def __init__(self, *_: object, **__: object) -> None:
        self._failures = 0
        self._held = False

    def predict(self, batch: NDArray[np.uint8]) -> Predictions:
        time.sleep(HOOKS.get("seconds_a_batch", 0))
        self._hold_interpreter()
        if os.path.exists(HOOKS.get("raise_while", "")):
            raise RuntimeError("device lost")
        means = batch.mean(axis=(1, 2))
        if HOOKS.get("raise_on_white") and (means.min(axis=1) >= WHITE_FROM).any():
            raise ValueError("the model is dazzled")
        if len(batch) > HOOKS.get("memory_images", len(batch)):
            self._failures += 1
            if self._failures <= HOOKS["memory_failures"]:
                raise EngineOutOfMemory(f"no memory for {len(batch)} images")
        confidence = np.full(len(batch), HOOKS.get("confidence", 0.99), np.float32)
        return Predictions.of(means.argmax(axis=1), confidence)

    def _hold_interpreter(self) -> None:
        if self._held or not (seconds := HOOKS.get("hold_interpreter_s")):
            return
        self._held = True
        hold_interpreter(seconds)
        print("the interpreter stood still", flush=True)

    def memory(self) -> dict[str, int]:
        return {}

    def close(self) -> None:
        """Nothing to let go of."""


def hold_interpreter(seconds: float) -> None:
    # A function called in this way keeps the interpreter's lock.
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))


def die_after(
    owner: type, method: str, count: int, counts: Callable[[Any], bool] = lambda _: True
) -> None:
    """Let a method do its work so many times, as its results count, then kill the process."""
    original: Callable[..., Any] = getattr(owner, method)
    calls = 0

    def counting(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        result = original(*arguments, **options)
        calls += counts(result)
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, method, counting)


def slow_down(owner: type, method: str, seconds: float) -> None:
    """Let a method take longer, half of the time before its work and half of it after."""
    original: Callable[..., Any] = getattr(owner, method)

    def slow(*arguments: Any, **options: Any) -> Any:
        time.sleep(seconds / 2)
        result = original(*arguments, **options)
        time.sleep(seconds / 2)
        return result

    setattr(owner, method, slow)


def main() -> int:
    if offset := HOOKS.get("clock_offset"):
        real = time.time
        time.time = lambda: real() + offset
    if not HOOKS.get("own_model"):
        stand_in_for_the_engine(ColourEngine)
        # The faults are those of a model that was accepted, and went wrong later.
        stand_in("velox.consumer.stages.acceptance", accept=lambda *_: None)

    import consumer
    from velox.consumer import monitoring, pipeline, sweeper
    from velox.consumer.polling.ledger import Ledger
    from velox.consumer.polling.poller import Poller
    from velox.consumer.polling.topic_identity import TopicWatch
    from velox.consumer.stages.dead_letters import DeadLetters
    from velox.monitoring.watchdog import Watchdog
    from velox.stores.gone import Gone
    from velox.stores.image_files import ImageFiles
    from velox.stores.mongo import MongoStore
    from velox.stores.mongo_removal import MongoRemoval
    from velox.stores.mongo_review import MongoReview
    from velox.stores.sqlite import SQLiteStore
    from velox.stores.sqlite_removal import SQLiteRemoval

    store = MongoStore if os.environ["MONGO_URI"] else SQLiteStore
    removal = MongoRemoval if os.environ["MONGO_URI"] else SQLiteRemoval
    if every := HOOKS.get("watchdog_s"):
        vars(monitoring)["Watchdog"] = partial(Watchdog, every=every)
    if every := HOOKS.get("sweep_every_s"):
        sweeper.LONGEST_PAUSE_S = sweeper.SETTLE_EVERY_S = every
    if HOOKS.get("blind"):
        TopicWatch.start = TopicWatch.look  # type: ignore[method-assign]
    points: dict[str, tuple[type, str]] = {
        "file": (ImageFiles, "_note"),
        "document": (store, "write"),
        "dead_letter": (DeadLetters, "send"),
        "review_image": (MongoReview, "_bulk"),
        "review_document": (MongoReview, "write"),
        "commit": (Ledger, "uncommitted"),
        "gone": (Gone, "remove"),
        "cleared": (removal, "clear_files"),
        "swept": (removal, "remove_before"),
    }
    if seconds := HOOKS.get("seconds_a_write"):
        slow_down(store, "write", seconds)
    if after := HOOKS.get("hang_after_s"):
        pipeline.HANG_AFTER_S = after
    if seconds := HOOKS.get("hang_at_end_s"):
        hang = partial(hold_interpreter, seconds)
        Poller._drain = lambda self: hang()  # type: ignore[method-assign]
    if "kill_after" in HOOKS:
        point, count = HOOKS["kill_after"]
        of_any: dict[str, Callable[[Any], bool]] = {
            "commit": bool,
            "swept": lambda step: step.removed > 0,
        }
        die_after(*points[point], count, of_any.get(point, lambda _: True))
    return consumer.main()


if __name__ == "__main__":
    sys.exit(main())
