"""The trial of a new model, in the one process that decides."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from velox.base.errors import StoreRefuses, StoreUnavailable
from velox.consumer.shadow.comparison import Shadow
from velox.consumer.shadow.figures import Figures
from velox.consumer.shadow.judged import JudgedImages
from velox.consumer.shadow.lane import Lane
from velox.consumer.shadow.rulings import Rulings
from velox.models.description import Description
from velox.models.engine.interface import Engine

# Who gets no images cannot decide: after so long without one, another process may.
IDLE_S = 60.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Making:
    """What makes models, and shadows of them.

    Attributes:
        load: reads what lies at MODEL_PATH.
        engine_of: makes a warm engine of it.
        kept_engine: the same of another checkpoint and its labels.
        shadow_of: runs an engine beside the model in use, that of the digest.
    """

    load: Callable[[], Description]
    engine_of: Callable[[Description], Engine]
    kept_engine: Callable[[Path, Path], Engine]
    shadow_of: Callable[[Engine, str], Shadow]


class Trial:
    """Runs a new model as a shadow until it has seen enough.

    Args:
        rulings: hold the lock of who decides, and a copy of the model.
        lane: shows the shadow what the model in use decides.
        making: makes models.
        judged: images with a verdict, if there are any.
        clock: monotonic seconds.

    Attributes:
        shadow: the model that is tried, None as long as there is none.
    """

    def __init__(
        self,
        rulings: Rulings,
        lane: Lane,
        making: Making,
        judged: JudgedImages | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rulings = rulings
        self._lane = lane
        self._making = making
        self._judged = judged
        self._clock = clock
        self._offered, self._last_offer = 0, clock()
        self.shadow: Shadow | None = None

    def may_go_on(self) -> bool:
        """Whether this process decides: images come to it, and no other process does it.

        Raises:
            OSError: when that cannot be found out.
        """
        offered, now = self._lane.offered, self._clock()
        if offered != self._offered:
            self._offered, self._last_offer = offered, now
        complete = self.shadow is not None and self.shadow.left < 1
        if now - self._last_offer > IDLE_S and not complete:
            self._rulings.release()
            return False
        return self._rulings.hold()

    def figures(self, candidate: str, current: str) -> Figures | None:
        """What is known of a new model once it has seen enough, None until then.

        Args:
            candidate: the digest of the model at MODEL_PATH.
            current: that of the model in use.

        Raises:
            Exception: of any kind, when the new model cannot be used, or has failed.
        """
        if self.shadow is not None and self.shadow.engine.digest != candidate:
            # This process goes on to decide: it keeps the lock.
            self._end_shadow()
        shadow = self.shadow or self._begin(current)
        if shadow.error is not None:
            raise shadow.error
        if shadow.left >= 1:
            return None
        if self._judged is None:
            return shadow.figures
        try:
            return shadow.figures + self._judged.figures(shadow, current)
        except StoreUnavailable as error:
            log.warning("no verdicts to judge a new model by yet reason=%r", str(error))
            return None
        except StoreRefuses as error:
            log.warning("a new model is judged without verdicts reason=%r", str(error))
            return shadow.figures

    def _begin(self, current: str) -> Shadow:
        checkpoint = self._making.load()
        self._rulings.keep(checkpoint.digest, checkpoint.labels)
        engine = self._making.engine_of(checkpoint)
        self.shadow = self._making.shadow_of(engine, current)
        self._lane.try_out(self.shadow)
        log.info(
            "new model is tried digest=%s beside=%s images=%d",
            checkpoint.digest,
            current,
            self.shadow.left,
        )
        return self.shadow

    def end(self, *, keep: bool = False) -> None:
        """End it, if there is one, and let others decide; its engine may be used further."""
        self._end_shadow(keep=keep)
        self._rulings.release()

    def _end_shadow(self, *, keep: bool = False) -> None:
        self.shadow = None
        self._lane.end_trial(keep=keep)
