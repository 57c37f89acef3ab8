"""Thresholds of sources that came after the model was tried."""

from __future__ import annotations

import logging

from velox.consumer.sources.rules import Sources
from velox.models.engine.interface import Engine
from velox.models.engine.parts import FLOAT32

log = logging.getLogger(__name__)


def say_what_is_untried(engine: Engine, sources: Sources) -> None:
    """Warn where an engine in a reduced precision may decide otherwise than float32 for sources."""
    if engine.precision == FLOAT32:
        return
    found = sources.thresholds(engine.labels, engine.thresholds)
    if untried := set(found) - set(engine.of_sources):
        log.warning(
            "SOURCES_PATH: precision=%s was not tried with the thresholds that are new (%d); it "
            "decides by them as it is, and is tried with them at the next start or new model",
            engine.precision,
            len(untried),
        )
