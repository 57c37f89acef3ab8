"""A judgement in the log: the figures that matter most."""

from __future__ import annotations

import logging

from velox.training.judgement import Judgement

# Labels without a threshold that are named.
MOST_NAMED = 5

log = logging.getLogger(__name__)


def log_judgement(found: Judgement) -> None:
    """Log the figures that matter most."""
    before, after = found.calibration_error
    log.info(
        "test images=%d accuracy=%.4f interval=%.4f-%.4f commonest=%.4f temperature=%.3f "
        "calibration_error=%.4f before=%.4f",
        found.images,
        found.accuracy,
        *found.interval,
        found.commonest[1],
        found.temperature,
        after,
        before,
    )
    if found.promise is None:
        return
    images, right = found.matched.sum(axis=0).tolist()
    log.info(
        "thresholds precision=%g labels=%d of=%d test_matches=%d right=%d",
        found.promise.precision,
        sum(each.at is not None for each in found.promise.thresholds),
        len(found.labels),
        images,
        right,
    )
    never = [
        (label, each)
        for label, each in zip(found.labels, found.promise.thresholds, strict=True)
        if each.at is None
    ]
    for label, each in never[:MOST_NAMED]:
        log.info("CONFIDENCE_THRESHOLD=auto: label=%r is %s", label, each.words())
    if len(never) > MOST_NAMED:
        log.info("and %d more labels: see the report", len(never) - MOST_NAMED)
