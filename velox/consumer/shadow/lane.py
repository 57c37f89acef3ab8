"""The lane of the shadows: beside the pipeline, and never in its way."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from queue import Full, Queue

from velox.base.waiting import Stopped
from velox.consumer.shadow.comparison import Shadow
from velox.consumer.shadow.seen import Decided, Seen
from velox.consumer.stages.batch import Batch
from velox.consumer.stages.candidates import Candidates
from velox.monitoring.shadow_metrics import ShadowMetrics

# A shadow works for this share of the time at most, so it takes no more than that of anything.
SHARE = 1 / 20
# Images that it decides at once at most, so that nothing has to stand aside for long.
MOST_AT_ONCE = 8

log = logging.getLogger(__name__)


class Lane:
    """Shows what the model in use has decided to a shadow, in a thread of its own.

    One batch waits at most; whatever comes while the shadow is busy is dropped and counted. After
    each turn the lane rests for so long that it has worked for `SHARE` of the time: on cores that
    are all in use, and on a GPU, that is all that the pipeline can lose to it.

    Args:
        metrics: updated as it goes.
        candidates: keeps what a shadow decides otherwise for people to look at, if anything is.
        clock: monotonic seconds.

    Attributes:
        trial: a model that is to earn its place; it is the first to see what comes.
        comparison: one that is compared for its own sake.
        offered: images that the model in use has decided, shadow or none.
    """

    def __init__(
        self,
        metrics: ShadowMetrics,
        candidates: Candidates | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trial: Shadow | None = None
        self.comparison: Shadow | None = None
        self.offered = 0
        self._metrics = metrics
        self._candidates = candidates
        self._clock = clock
        self._waiting: Queue[Seen | None] = Queue(1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        """Work from now on."""
        self._thread.start()

    def close(self) -> None:
        """Do no more; a turn that is under way, and the engines, are left to the process's end."""
        self._stop.set()
        for each in (self.trial, self.comparison):
            if each is not None:
                each.end(keep=True)
        with suppress(Full):
            self._waiting.put_nowait(None)

    def try_out(self, shadow: Shadow) -> None:
        """Show it what comes, before any other."""
        self.trial = shadow

    def end_trial(self, *, keep: bool) -> None:
        """Show it nothing more, and end it if there is one; with `keep` its engine stays."""
        shadow, self.trial = self.trial, None
        if shadow is not None:
            shadow.end(keep=keep)

    def compare(self, shadow: Shadow) -> None:
        """Show it what comes, where no trial needs it."""
        self.comparison = shadow

    def end_comparison(self) -> None:
        """Show it nothing more, and end it if there is one, engine and all."""
        shadow, self.comparison = self.comparison, None
        if shadow is not None:
            shadow.end()

    @property
    def shadow(self) -> Shadow | None:
        """The shadow that sees what comes now."""
        for each in (self.trial, self.comparison):
            if each is not None and each.left >= 1:
                return each
        return None

    def offer(self, batch: Batch, failures: Collection[int]) -> None:
        """Show a batch that was decided, if there is time for it; never waits."""
        self.offered += len(batch.predictions)
        if self.shadow is None or not batch.predictions:
            return
        try:
            self._waiting.put_nowait(Seen.of(batch, failures))
        except Full:
            self._metrics.dropped.inc(len(batch.predictions))

    def _run(self) -> None:
        while not self._stop.is_set() and (seen := self._waiting.get()) is not None:
            if (shadow := self.shadow) is not None:
                self._turn(shadow, seen)

    def _turn(self, shadow: Shadow, seen: Seen) -> None:
        part = seen.first(int(min(MOST_AT_ONCE, shadow.left)))
        if shadow.left > len(part):
            self._metrics.dropped.inc(len(seen) - len(part))
        started = self._clock()
        otherwise = shadow.see(part)
        rest = rest_after(self._clock() - started)
        if otherwise and self._candidates is not None:
            self._keep(self._candidates, seen, otherwise)
        self._stop.wait(rest)

    def _keep(self, candidates: Candidates, seen: Seen, otherwise: Decided) -> None:
        try:
            candidates.keep_disagreements(seen.engine, seen.sources, otherwise)
        except Stopped:
            self._stop.set()
        except Exception as error:
            log.warning("disagreements not kept for review reason=%r", str(error))


def rest_after(seconds: float) -> float:
    """How long to rest after so much work."""
    return seconds * (1 / SHARE - 1)
