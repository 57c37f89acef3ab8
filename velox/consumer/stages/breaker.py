"""The breaker: a stage that refuses everything is not the records' fault.

One record that a stage refuses becomes a dead letter. Where most of the last records were refused,
something of our own that is known to be good goes the same way first. If the stage takes it, the
records are to blame and their dead letters go on, so nobody who may write to the topic can stop
it. If the stage refuses that too, for the reason for which it refuses the records, the fault is in
a setting, the model or the collection: the batch is held and tried again every few seconds, and
nothing of it is dead-lettered or committed until the stage takes records, or our own, once more.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar, cast

from velox.base.errors import EngineBroken, VeloxError
from velox.base.logs import ThinnedLog
from velox.base.waiting import Stopped
from velox.consumer.stages.refusals import Counted, Window
from velox.monitoring.metrics import BREAKER_STAGES, Metrics

# After a probe that passed none follows for so many times as long as it took: probes take 5 % of
# the time, so no flood of bad records is slowed down by them.
TIMES_AS_LONG = 20
LONGEST_PAUSE_S = 4.0
# Memory that is short may come back; a device that is lost does in a new process alone.
ENGINE_PATIENCE_S = 60.0
REMIND_EVERY_S = 30.0
LONGEST_REASON = 300
NEVER = 1.0

T = TypeVar("T")
Told = Callable[[T], tuple[int, Sequence[Exception]]]
Probe = Callable[[], Exception | None]
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Stage:
    """What is known of one stage.

    Attributes:
        name: as in metrics and dead letters.
        window: its last records.
        asking: held while something of our own is on its way.
        suspected: whether it was at fault before, as our own, which passes without the fault,
            could tell; then it is asked at its next refusal.
        trusted_until: up to when the last probe that passed counts, in monotonic seconds.
        held: batches that are held.
        reason: why they are.
    """

    name: str
    window: Window = field(default_factory=Window)
    asking: threading.Lock = field(default_factory=threading.Lock)
    suspected: bool = False
    trusted_until: float = float("-inf")
    held: int = 0
    reason: str = ""


class Breaker:
    """Decides who is to blame for what a stage refuses. Safe to share between threads.

    Args:
        share: of a stage's last records that may be refused before a probe decides; 1 for never.
        metrics: updated as it goes.
        abort: ends every wait.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        share: float,
        metrics: Metrics,
        abort: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._share = share
        self._metrics = metrics
        self._abort = abort
        self._clock = clock
        self._stages = {name: _Stage(name) for name in BREAKER_STAGES}
        self._changing = threading.Lock()
        self._log = ThinnedLog(log, per_second=1 / REMIND_EVERY_S, clock=clock)

    def paused(self) -> str | None:
        """Why batches are held, None if none is."""
        for stage in self._stages.values():
            if stage.held:
                return f"paused: {stage.name} refuses even what is known to be good: {stage.reason}"
        return None

    def until_taken(self, name: str, attempt: Callable[[], T], *, told: Told[T], probe: Probe) -> T:
        """Put a batch through a stage, again for as long as its refusals are the stage's fault.

        Args:
            name: of the stage.
            attempt: puts the whole batch through; to do so again must do no harm.
            told: of an attempt's result, how many records it is of and why some were refused.
            probe: puts something of our own through; why it was refused, None if it was not.

        Returns:
            The result of the last attempt: what it refused is the records' fault.

        Raises:
            Stopped: when told to abort while the batch was held.
            EngineBroken: when the model has failed on any image for `ENGINE_PATIENCE_S`.
        """
        stage, counted = self._stages[name], Counted()
        result, fault = self._tried(stage, counted, attempt, told, probe)
        if fault is not None:
            began = self._clock()
            with self._held(stage, fault):
                while fault is not None:
                    self._wait(stage, fault, self._clock() - began)
                    result, fault = self._tried(stage, counted, attempt, told, probe)
                    if fault is None and counted.refused:
                        # The fault may have ended after that attempt and before the probe of it.
                        result, fault = self._tried(stage, counted, attempt, told, probe)
                stage.suspected = self._passes(stage, probe)
        return result

    def _tried(
        self,
        stage: _Stage,
        counted: Counted,
        attempt: Callable[[], T],
        told: Told[T],
        probe: Probe,
    ) -> tuple[T, Exception | None]:
        """The result of one attempt, and why the stage is to blame for its refusals, if it is."""
        try:
            result = attempt()
        except EngineBroken as error:
            return cast(T, None), error
        records, errors = told(result)
        with self._changing:
            counted.refused = len(errors)
            if not counted.records and records:
                counted.records = records
                stage.window.add(counted)
            share = stage.window.share() if errors else 0.0
        if share <= (0.0 if stage.suspected else self._share):
            return result, None
        with stage.asking:
            return result, self._fault(stage, errors, share, probe)

    def _fault(
        self, stage: _Stage, errors: Sequence[Exception], share: float, probe: Probe
    ) -> Exception | None:
        began = self._clock()
        if began < stage.trusted_until:
            return None
        try:
            refusal = self._asked(stage, probe)
        except VeloxError as error:
            # Whether the stage would take it is not known yet, so nothing is decided on it.
            return error
        if refusal is None:
            ended = self._clock()
            stage.trusted_until = ended + TIMES_AS_LONG * (ended - began)
            self._log.warning(
                "many records are refused, but what is known to be good is not: "
                "the refused records are dead-lettered stage=%s share=%.2f",
                stage.name,
                share,
            )
        # What is refused for another reason would be refused without the fault as well.
        alike = any(type(each) is type(refusal) for each in errors)
        return refusal if alike else None

    def _asked(self, stage: _Stage, probe: Probe) -> Exception | None:
        refusal = probe()
        outcome = "passed" if refusal is None else "refused"
        self._metrics.breaker_probes.labels(stage.name, outcome).inc()
        return refusal

    def _passes(self, stage: _Stage, probe: Probe) -> bool:
        with stage.asking:
            if self._clock() < stage.trusted_until:
                return True
            try:
                return self._asked(stage, probe) is None
            except VeloxError:
                return False

    @contextmanager
    def _held(self, stage: _Stage, fault: Exception) -> Iterator[None]:
        """While a batch is held, probes and metrics say so."""
        began = self._clock()
        stage.reason = _text(fault)
        log.error(
            "breaker open: nothing is dead-lettered or committed until the fault is fixed "
            "stage=%s reason=%r",
            stage.name,
            stage.reason,
        )
        self._hold(stage, 1)
        try:
            yield
        finally:
            self._hold(stage, -1)
        log.warning("breaker closed stage=%s seconds=%.1f", stage.name, self._clock() - began)

    def _hold(self, stage: _Stage, more: int) -> None:
        with self._changing:
            stage.held += more
            self._metrics.breaker_open.labels(stage.name).set(float(stage.held > 0))

    def _wait(self, stage: _Stage, fault: Exception, seconds: float) -> None:
        """Wait a little before the next attempt, unless that could not help any more."""
        if isinstance(fault, EngineBroken) and (
            self._share >= NEVER or seconds > ENGINE_PATIENCE_S
        ):
            raise fault
        stage.reason = _text(fault)
        if seconds >= REMIND_EVERY_S:
            self._log.warning(
                "breaker still open stage=%s seconds=%.0f reason=%r",
                stage.name,
                seconds,
                stage.reason,
            )
        if self._abort.wait(LONGEST_PAUSE_S * (0.5 + 0.5 * random.random())):
            raise Stopped(f"stopped while {stage.name} refuses even what is known to be good")


def _text(fault: Exception) -> str:
    return f"{type(fault).__name__}: {fault}"[:LONGEST_REASON]
