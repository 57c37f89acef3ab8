"""One batch through the engine: a failure is narrowed down to the image that causes it."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from velox.base.errors import EngineBroken, EngineOutOfMemory, InferenceFailed
from velox.base.logs import ThinnedLog
from velox.models.engine.interface import Confidences, Engine, Images, Indices, Predictions

log = logging.getLogger(__name__)


class BisectingPredictor:
    """Predicts a batch; where the engine fails, halves it until the guilty image stands alone.

    An answer that is no number or no label is a failure as well, of that image.

    Out of memory, the halves are tried as well, and later batches start no larger than what fit,
    growing back one image at a time. All images are of one size by now, so no image is at fault
    where not even one of them fits. Threads may come at the same time.

    Args:
        engine: what predicts.
        what: it does, for the log.
    """

    def __init__(self, engine: Engine, what: str = "inference") -> None:
        self.engine = engine
        self._what = what
        self._limit: int | None = None
        # A batch of a single bad image fails as often as it is halved, and the next one as well.
        self._trouble = ThinnedLog(log, per_second=0.2, burst=10)

    def predict(self, images: Images) -> tuple[Predictions, dict[int, InferenceFailed]]:
        """Predict uint8 [N, S, S, 3].

        Returns:
            The predictions, and the failures by row; the predictions hold -1 and 0 in a failed row.

        Raises:
            EngineBroken: when there is no memory for one image, or the engine fails on each image
                and on a blank one too: then the engine is at fault and no record is.
        """
        predictions = Predictions.none(len(images), self.engine.top)
        failures: dict[int, InferenceFailed] = {}
        size = min(self._limit or len(images), len(images))
        for start in range(0, len(images), max(1, size)):
            rows = slice(start, min(start + size, len(images)))
            self._fill(images, rows, predictions, failures)
        if failures and len(failures) == len(images):
            self._probe(next(iter(failures.values())))
        if self._limit is not None and not failures:
            self._limit += 1
        return predictions, failures

    def _fill(
        self,
        images: Images,
        rows: slice,
        predictions: Predictions,
        failures: dict[int, InferenceFailed],
    ) -> None:
        try:
            predictions.fill(rows, self.engine.predict(images[rows]))
            self._doubt(images, rows, predictions, failures)
            return
        except EngineBroken:
            raise
        except Exception as error:
            count = rows.stop - rows.start
            self._trouble.warning(
                "%s failed images=%d error=%s: %s",
                self._what,
                count,
                type(error).__name__,
                error,
            )
            if count == 1 and isinstance(error, EngineOutOfMemory):
                raise EngineBroken(
                    "the device does not have enough memory for a single image"
                ) from error
            if count == 1:
                failures[rows.start] = InferenceFailed(f"{type(error).__name__}: {error}")
                return
            if isinstance(error, EngineOutOfMemory):
                self._limit = min(self._limit or count, max(1, count // 2))
        middle = (rows.start + rows.stop) // 2
        self._fill(images, slice(rows.start, middle), predictions, failures)
        self._fill(images, slice(middle, rows.stop), predictions, failures)

    def _doubt(
        self,
        images: Images,
        rows: slice,
        predictions: Predictions,
        failures: dict[int, InferenceFailed],
    ) -> None:
        """Ask again, alone, for images whose answers make no sense: then it is their own fault."""
        indices, confidences = predictions.indices, predictions.confidences
        senseless = np.flatnonzero(~self._sensible(predictions)[rows])
        for row in rows.start + senseless:
            if rows.stop - rows.start > 1:
                self._fill(images, slice(row, row + 1), predictions, failures)
                continue
            failures[int(row)] = InferenceFailed(
                f"the model's answer is not a label with a probability: "
                f"label {_shown(indices[row])}, confidence {_shown(confidences[row])}"
            )
            indices[row], confidences[row], predictions.novelty[row] = -1, 0, 0

    def _sensible(self, found: Predictions) -> NDArray[np.bool_]:
        """Which of N images have labels with probabilities, and a novelty that is a number."""
        in_range = (found.indices >= 0) & (found.indices < len(self.engine.labels))
        numbers = np.isfinite(found.confidences) & np.isfinite(found.novelty)[:, None]
        return np.asarray((numbers & in_range).all(axis=1))

    def _probe(self, failure: InferenceFailed) -> None:
        size = self.engine.input_size
        try:
            answer = self.engine.predict(np.zeros((1, size, size, 3), np.uint8))
        except Exception as error:
            raise EngineBroken(f"the model fails on every image: {failure}") from error
        if not self._sensible(answer).all():
            raise EngineBroken(f"the model fails on every image: {failure}")


def _shown(values: Indices | Confidences) -> str:
    return " ".join(map(str, values))
