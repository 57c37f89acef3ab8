"""A shadow's decisions beside those of the model in use."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from velox.base.records import Outcome, Prediction, Record
from velox.consumer.shadow.figures import Figures
from velox.consumer.shadow.seen import Seen
from velox.consumer.sources.rules import Sources
from velox.consumer.stages.decider import Decider
from velox.consumer.stages.decoder import Decoder
from velox.consumer.stages.inference import decisions
from velox.consumer.stages.predictor import BisectingPredictor
from velox.models.engine.interface import Engine, Images
from velox.monitoring.shadow_metrics import CANDIDATE, NO_ANSWER, ShadowMetrics

log = logging.getLogger(__name__)


class Shadow:
    """A model that decides what another has decided. Safe to share between threads.

    Args:
        engine: the model, warm; it is closed at the end unless it is taken.
        decide: tells what an answer comes to, as for the model in use.
        decoder: for a model that takes its images otherwise.
        metrics: count each image.
        role: of the shadow, one of `velox.monitoring.shadow_metrics.ROLES`.
        beside: the digest of the model in use that it is compared with alone; '' for any.
        most: images after which it has seen enough; None for no end.

    Attributes:
        engine, role: as they were given.
        figures: of all that it has seen.
        error: why it has ended by itself, None as long as it has not.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        decide: Decider,
        decoder: Decoder,
        metrics: ShadowMetrics,
        role: str = CANDIDATE,
        beside: str = "",
        most: int | None = None,
    ) -> None:
        self.engine = engine
        self.role = role
        self.figures = Figures()
        self.error: Exception | None = None
        self._decide = decide
        self._decoder = decoder
        self._metrics = metrics
        self._beside = beside
        self._most = most
        self._predictor = BisectingPredictor(engine, "shadow's inference")
        self._turn = threading.Lock()
        self._over = self._kept = False
        metrics.at_work(engine.digest, role)

    @property
    def left(self) -> float:
        """Images until it has seen enough; infinity for no end."""
        if self._over or self.error is not None:
            return 0
        return float("inf") if self._most is None else self._most - self.figures.images

    def see(self, seen: Seen) -> list[tuple[Record, Prediction]]:
        """Decide images; returns those that the model in use has decided otherwise.

        What goes wrong ends the shadow, and nothing else: see `error`.
        """
        try:
            with self._turn:
                if self.left < 1 or self._beside not in ("", seen.engine.digest):
                    return []
                return self._see(seen)
        except Exception as error:
            if self._over:
                # What it works with may be closed by now.
                return []
            self.error = error
            self._metrics.failures.inc()
            log.warning(
                "shadow ended by itself digest=%s error=%s: %s",
                self.engine.digest,
                type(error).__name__,
                error,
            )
            return []
        finally:
            self._close_if_over()

    def answers(
        self, images: Images, records: Sequence[Record], sources: Sources
    ) -> dict[str, Prediction]:
        """What it makes of images, by the id of the record; those without an answer are missing.

        Args:
            images: as it takes them, uint8 RGB [N, S, S, 3].
            records: theirs.
            sources: the rules of where they come from.

        Raises:
            Exception: of any kind, when the model fails.
        """
        if not records:
            return {}
        found, failures = self._predictor.predict(images)
        own = decisions(self.engine, records, sources, self._decide, found, failures)
        return {record.id: prediction for record, prediction in own}

    def _see(self, seen: Seen) -> list[tuple[Record, Prediction]]:
        images, records = seen.as_taken_by(self.engine, self._decoder)
        answers = self.answers(images, records, seen.sources)
        otherwise = []
        for record, decision in seen.decided:
            own = answers.get(record.id)
            agreed = own is not None and same(decision, own)
            if not agreed:
                otherwise.append((record, decision))
            self.figures += of_one(decision, own, agreed=agreed, truth=record.header("label"))
            self._metrics.compare(decision.label, own.label if own else NO_ANSWER, agreed=agreed)
        return otherwise

    def end(self, *, keep: bool = False) -> None:
        """See nothing more; images that are looked at now are not waited for.

        Args:
            keep: whether the engine is used further.
        """
        if self._over:
            return
        self._over, self._kept = True, keep
        self._metrics.gone(self.engine.digest, self.role)
        self._close_if_over()

    def _close_if_over(self) -> None:
        """Close the engine at the end, once: whoever is in its turn does it afterwards."""
        if self._over and not self._kept and self._turn.acquire(blocking=False):
            self._kept = True
            self._turn.release()
            self.engine.close()


def same(one: Prediction, other: Prediction) -> bool:
    """Whether two decisions are the same: outcome and label; what is unknown has no label."""
    if one.outcome is not other.outcome:
        return False
    return one.outcome is Outcome.UNKNOWN or one.label == other.label


def of_one(
    decision: Prediction, own: Prediction | None, *, agreed: bool, truth: str | None
) -> Figures:
    """One image's figures.

    Args:
        decision: of the model in use.
        own: of the shadow, None where it has no answer.
        agreed: whether they are the same.
        truth: the image's, None where it is not known.
    """
    known = truths_of(decision, own, truth) if truth is not None else Figures()
    return known + Figures(
        images=1,
        agreed=agreed,
        matches=decision.outcome is Outcome.MATCH,
        shadow_matches=own is not None and own.outcome is Outcome.MATCH,
    )


def truths_of(decision: Prediction, own: Prediction | None, truth: str) -> Figures:
    """Of one image the figures that its truth gives, without the others."""
    right, own_right = _right(decision, truth), own is not None and _right(own, truth)
    return Figures(
        both=right and own_right,
        in_use=right and not own_right,
        shadow=own_right and not right,
        neither=not (right or own_right),
    )


def _right(prediction: Prediction, truth: str) -> bool:
    """What is called unknown has no label that could be right."""
    return prediction.outcome is not Outcome.UNKNOWN and prediction.label == truth
