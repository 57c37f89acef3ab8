"""A model that is compared for as long as its file lies there."""

from __future__ import annotations

import logging
from collections.abc import Callable

from velox.base.errors import CheckpointError, SettingError
from velox.base.waiting import Periodic
from velox.consumer.shadow.comparison import Shadow
from velox.consumer.shadow.lane import Lane
from velox.models.description import Description
from velox.models.engine.interface import Engine
from velox.models.files import ModelFiles

log = logging.getLogger(__name__)


class Side:
    """Runs the model of SHADOW_MODEL_PATH, and another one once another lies there.

    What cannot be used is said, and tried again as `ModelFiles` says; nothing else is the worse
    for it.

    Args:
        lane: shows it what the model in use decides.
        files: its checkpoint and labels.
        load: reads them.
        engine_of: makes a warm engine of what was read.
        shadow_of: runs that beside the model in use.
        interval: seconds between two looks.
    """

    def __init__(
        self,
        lane: Lane,
        *,
        files: ModelFiles,
        load: Callable[[], Description],
        engine_of: Callable[[Description], Engine],
        shadow_of: Callable[[Engine], Shadow],
        interval: float,
    ) -> None:
        self._lane = lane
        self._files = files
        self._load = load
        self._engine_of = engine_of
        self._shadow_of = shadow_of
        self._interval = interval
        self._looking = Periodic(
            self.look,
            every=interval,
            name="shadow-watch",
            log=log,
            what="look for a shadow model",
            at_once=True,
        )

    def start(self) -> None:
        """Look now and from now on, in a thread."""
        self._looking.start()

    def close(self) -> None:
        """Stop looking; what is under way is left to the process's end."""
        self._looking.close()

    def look(self) -> None:
        """Run what is new; say of what has ended by itself whether it is tried again."""
        shadow = self._lane.comparison
        if shadow is not None and shadow.error is not None:
            self._lane.end_comparison()
            self._failed(shadow.error)
        if not self._files.due():
            return
        try:
            self._run(self._load())
        except Exception as error:
            self._failed(error)
        else:
            self._files.used()

    def _run(self, checkpoint: Description) -> None:
        before = self._lane.comparison
        if before is not None:
            if before.engine.digest == checkpoint.digest:
                return
            # Not both at once: there may be no memory for them.
            self._lane.end_comparison()
        self._lane.compare(self._shadow_of(self._engine_of(checkpoint)))
        log.info("shadow model runs digest=%s", checkpoint.digest)

    def _failed(self, error: Exception) -> None:
        _, again = self._files.failed(error, bad=isinstance(error, CheckpointError | SettingError))
        log.warning(
            "%s next_try_s=%s error=%s reason=%r",
            "no shadow model runs"
            if self._lane.comparison is None
            else "new shadow model not loaded, keeping the old one",
            "never" if again is None else f"{again * self._interval:g}",
            type(error).__name__,
            str(error),
        )
