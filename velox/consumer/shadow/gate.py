"""A new model has to earn its place: it is tried as a shadow, and taken or refused."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict

from velox.base.errors import CheckpointError, EngineOutOfMemory
from velox.base.logs import ThinnedLog
from velox.base.records import utc_text
from velox.base.waiting import Periodic, Stopped
from velox.consumer.shadow.figures import Figures, ruling_of
from velox.consumer.shadow.rulings import Rulings, State, Written
from velox.consumer.shadow.trial import Making, Trial
from velox.consumer.stages.model_slot import ModelSlot, refuse
from velox.models.engine.interface import Engine
from velox.models.files import ModelFiles
from velox.monitoring.metrics import Metrics
from velox.monitoring.shadow_metrics import IDLE, REFUSED, TRYING, WAITING

log = logging.getLogger(__name__)


class Gate:
    """Looks for a new checkpoint, as `ModelWatch`, and lets it in once it has earned its place.

    Of all processes that share the rulings one tries it; the others do what that one decides.

    Args:
        slot: where the model is swapped.
        files: the checkpoint and its labels.
        making: makes models.
        rulings: what was decided.
        trial: tries a new model, where this process is the one that decides.
        share: of the images that must be decided as before to be often enough.
        metrics: show what it is about.
        interval: seconds between two looks.
        wall_clock: seconds since the epoch.
    """

    def __init__(
        self,
        slot: ModelSlot,
        *,
        files: ModelFiles,
        making: Making,
        rulings: Rulings,
        trial: Trial,
        share: float,
        metrics: Metrics,
        interval: float,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._slot = slot
        self._files = files
        self._making = making
        self._rulings = rulings
        self._trial = trial
        self._share = share
        self._metrics = metrics
        self._interval = interval
        self._wall_clock = wall_clock
        self._begun = False
        self._open = True
        self._found: str | None = None
        self._said: Written | None = None
        self._trouble = ThinnedLog(log, per_second=0.01)
        self._looking = Periodic(
            self.look, every=interval, name="model-watch", log=log, what="look for a new model"
        )

    def start(self) -> None:
        """Look from now on, in a thread; what is in use is written down before."""
        with suppress(CheckpointError):
            if self._rulings.read() is None:
                self.look()
        self._looking.start()

    def close(self) -> None:
        """Stop looking, and let others decide; what is under way is left to the process's end."""
        self._looking.close()
        self._rulings.release()

    def look(self) -> None:
        """Do what there is to do: try what is new, decide, or follow what was decided."""
        due, changed = self._files.due(), self._rulings.changed()
        if due:
            self._found = None
        if not (due or changed or self._open):
            return
        try:
            self._open = self._step()
        except Stopped:
            self._open = False
        except Exception as error:
            self._open = False
            self._trial.end()
            again = refuse(self._files, _cause(error), self._metrics, self._interval)
            self._metrics.shadow.state(WAITING if again else IDLE)

    def _step(self) -> bool:
        """One step; whether there is more to do at the next look."""
        state = self._rulings.read()
        if state is None:
            return self._begin()
        self._begun = True
        if state.in_use != self._current:
            self._follow(state)
            return True
        candidate = self._candidate()
        if candidate == self._current:
            return self._settled(IDLE)
        if (refusal := state.refusal(candidate)) is not None:
            self._say(refusal)
            return self._settled(REFUSED)
        return self._try(state, candidate)

    @property
    def _current(self) -> str:
        return self._slot.current.engine.digest

    def _candidate(self) -> str:
        """The digest of what lies at MODEL_PATH, found out once until its file changes."""
        if self._found is None:
            self._found = self._rulings.at_model_path()
        return self._found

    def _begin(self) -> bool:
        """Nothing is written down: the first model has no other beside which it could be tried.

        If there was something, somebody has removed it: what lies at MODEL_PATH is to be used.
        A file that is damaged is only written anew: nobody has said so.
        """
        try:
            if not self._rulings.hold():
                return True
            removed = self._begun and not self._rulings.there()
            if removed and self._candidate() != self._current:
                self._slot.swap(self._making.engine_of(self._making.load()))
            if self._candidate() == self._current:
                self._rulings.keep(self._current, self._slot.current.engine.labels)
            self._rulings.write(State(self._current))
        except OSError as error:
            self._trouble.warning(
                "SWAP_GATE: no new model is tried as long as nothing can be written in %s: %s",
                self._rulings.folder,
                error.strerror,
            )
            return True
        self._begun = True
        log.info("model in use written down digest=%s in=%s", self._current, self._rulings.folder)
        return True

    def _follow(self, state: State) -> None:
        """Take into use what another process has taken; where that is lost, ours is in use."""
        self._trial.end()
        engine = self._engine(state.in_use)
        if engine is None:
            model, _ = self._rulings.place(state.in_use)
            lost = "the model in use is lost path=%s digest=%s using_digest=%s"
            log.warning(lost, model, state.in_use, self._current)
            self._rulings.write(State(self._current, state.rulings))
            return
        self._slot.swap(engine)

    def _engine(self, digest: str) -> Engine | None:
        """That model, from MODEL_PATH, beside which lies what lets it start faster, or its copy."""
        with suppress(CheckpointError):
            if self._candidate() == digest:
                return self._making.engine_of(self._making.load())
        model, classes = self._rulings.place(digest)
        return self._making.kept_engine(model, classes) if model.exists() else None

    def _try(self, state: State, candidate: str) -> bool:
        """Try a new model, and decide once it has seen enough."""
        if not self._trial.may_go_on():
            self._metrics.shadow.state(WAITING)
            return True
        self._metrics.shadow.state(TRYING)
        figures = self._trial.figures(candidate, self._current)
        if figures is not None:
            self._decide(state, figures)
        return True

    def _decide(self, state: State, figures: Figures) -> None:
        """Write a decision down, which makes it hold for all, and do as it says."""
        shadow = self._trial.shadow
        if shadow is None or self._rulings.read() != state:
            # Where locks do nothing, another process has decided meanwhile.
            return
        taken, reason = ruling_of(figures, self._share)
        written = Written(
            model=shadow.engine.digest,
            beside=self._current,
            taken=taken,
            reason=reason,
            at=utc_text(int(1000 * self._wall_clock())),
            figures=asdict(figures),
        )
        self._rulings.write(state.after(written))
        self._metrics.shadow.decisions.labels("taken" if taken else "refused").inc()
        if taken:
            log.info("new model taken digest=%s reason=%r %s", written.model, reason, figures)
            self._trial.end(keep=True)
            self._slot.swap(shadow.engine)
        else:
            self._say(written, str(figures))

    def _say(self, refusal: Written, figures: str = "") -> None:
        if refusal != self._said:
            self._said = refusal
            log.error(
                "new model refused, keeping the old one digest=%s reason=%r %s",
                refusal.model,
                refusal.reason,
                figures,
            )

    def _settled(self, state: str) -> bool:
        self._trial.end()
        self._files.used()
        self._metrics.shadow.state(state)
        return False


def _cause(error: Exception) -> Exception:
    """Memory that is short now may be there later, whatever that has broken."""
    cause = error.__cause__
    return cause if isinstance(cause, EngineOutOfMemory) else error
