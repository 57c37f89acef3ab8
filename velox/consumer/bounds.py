"""What a model's answers are compared with: found of settings and of what the model brings."""

from __future__ import annotations

import logging
import math
from pathlib import Path

from velox.base.errors import SettingError
from velox.base.thresholds import Thresholds
from velox.consumer.sources.rules import NO_RULES, Sources
from velox.models.description import Description
from velox.models.engine.check import Bounds
from velox.models.novelty_limits import least_images

MOST_NAMED = 5

log = logging.getLogger(__name__)


def bounds_of(
    model: Description,
    path: Path,
    *,
    thresholds: Thresholds,
    unknown: float | None,
    sources: Sources = NO_RULES,
) -> Bounds:
    """Those of a model.

    Args:
        model: what it says of itself.
        path: its file, for errors.
        thresholds: from which confidence on an image is a match.
        unknown: share of known images that may be called unknown; None to call none so.
        sources: may have thresholds of their own.

    Raises:
        SettingError: when it brings no thresholds, or cannot tell what is unknown, and that is
            asked for.
    """
    usual = _thresholds(model, path, thresholds)
    above = _unknown_above(model, path, unknown)
    return Bounds(usual, above, sources.thresholds(model.labels, usual))


def _thresholds(model: Description, path: Path, wanted: Thresholds) -> tuple[float, ...]:
    if wanted.general is not None:
        return wanted.of(model.labels)
    if (measured := model.thresholds) is None:
        raise SettingError(
            f"CONFIDENCE_THRESHOLD=auto: {path} has no thresholds of its own; train "
            "it once more, or give a number, as CONFIDENCE_THRESHOLD=0.9"
        )
    found = wanted.of(model.labels, measured.of_labels)
    usable = [at for at in found if at <= 1]
    never = [each for each, at in zip(model.labels, found, strict=True) if at > 1]
    if usable:
        log.info(
            "thresholds of the model precision=%g labels=%d from=%g to=%g",
            measured.precision,
            len(usable),
            min(usable),
            max(usable),
        )
    if never:
        more = f" and {len(never) - MOST_NAMED} more" if len(never) > MOST_NAMED else ""
        log.warning(
            "CONFIDENCE_THRESHOLD=auto: never matched: %s%s%s; the model's report says why",
            ", ".join(map(repr, never[:MOST_NAMED])),
            more,
            "" if usable else ", so nothing will match",
        )
    return found


def _unknown_above(model: Description, path: Path, share: float | None) -> float:
    if share is None:
        return math.inf
    if (limits := model.unknown) is None:
        raise SettingError(
            f"UNKNOWN: {path} cannot tell what is unlike the images of its "
            "training; train it once more, or leave UNKNOWN empty"
        )
    above = limits.above(share)
    log.info(
        "images are unknown above novelty=%.3f share=%g images=%d", above, share, limits.images
    )
    if math.isinf(above):
        log.warning(
            "UNKNOWN=%g calls no image unknown: found on %d known images, at least %d are needed",
            share,
            limits.images,
            least_images(share),
        )
    return above
