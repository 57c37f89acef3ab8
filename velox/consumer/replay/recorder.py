"""The last two stages of a replay: what matches no more is withdrawn."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from velox.base.errors import StoreUnavailable, StoreUnclear
from velox.base.logs import ThinnedLog
from velox.base.records import Outcome, utc_text
from velox.base.waiting import until_done
from velox.consumer.replay.withdrawing import Changed, Withdrawing
from velox.consumer.stages.batch import Batch
from velox.consumer.stages.recorder import Recorder
from velox.stores.withdrawal import Why

log = logging.getLogger(__name__)


class ReplayRecorder(Recorder):
    """See `Recorder`.

    Args:
        withdrawing: takes documents away.
        changed: counts them.
        stop: ends tries to.
        others: of Recorder.
    """

    def __init__(
        self, *, withdrawing: Withdrawing, changed: Changed, abort: threading.Event, **others: Any
    ) -> None:
        super().__init__(abort=abort, **others)
        self._withdrawing = withdrawing
        self._changed = changed
        self._stop = abort
        self._troubles = ThinnedLog(log, per_second=0.1)

    def record(self, batches: Sequence[Batch]) -> None:
        """See Recorder; then withdraw."""
        super().record(batches)
        at = utc_text(int(datetime.now(UTC).timestamp() * 1000))
        why = {
            record.id: Why(
                f"{prediction.outcome}: {prediction.label} {prediction.confidence:.4f}",
                batch.model,
                at,
            )
            for batch in batches
            for record, prediction in batch.predictions
            if prediction.outcome is not Outcome.MATCH
        }
        if why:
            with self._waiting("the store, to withdraw"):
                self._changed.withdrawn += until_done(
                    lambda: self._withdrawing.withdraw(why),
                    retryable=(StoreUnavailable, StoreUnclear, OSError),
                    stop=self._stop,
                    on_failure=self._again,
                )

    def _again(self, error: Exception) -> None:
        self._troubles.warning("could not withdraw, trying again reason=%r", str(error))
