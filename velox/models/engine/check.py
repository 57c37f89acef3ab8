"""Whether a model in fewer bits decides as it does in float32, on the checkpoint's samples.

That as many samples are right is not enough: a weak model can give other labels to many images and
be as right as before, and an image whose confidence moves across the threshold is stored or not.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Of N images, the indices of their most likely labels, [N, K], the probabilities, [N, K], and, of a
# model that gives it, their novelty, [N].
Answer = Sequence[ArrayLike]

# The default of CONFIDENCE_THRESHOLD.
THRESHOLD = 0.9

# Below that, a share of one in two hundred cannot be seen.
LEAST_SAMPLES = 200
# Points of accuracy that fewer bits may cost.
LARGEST_LOSS = 0.002
# Share of the samples whose label may be another or that may be unknown in one of the two alone,
# and of the matches that may come or go.
LARGEST_DIFFERENCE = 0.005
_ROUNDING = 1e-9

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bounds:
    """What answers are compared with where it is decided what an image comes to.

    Attributes:
        thresholds: of each label, the confidence at which an image is a match.
        unknown_above: the novelty above which an image is unknown and no match.
        of_sources: thresholds of each label that single sources have instead.
    """

    thresholds: tuple[float, ...]
    unknown_above: float = math.inf
    of_sources: tuple[tuple[float, ...], ...] = ()

    def plain(self) -> dict[str, Any]:
        """In values that JSON has."""
        return asdict(self)


class Refused(Exception):
    """Why a precision is not used, in words."""


class NotNow(Refused):
    """Why a precision is not used this time; another time it may be."""


def say_refused(asked: str, refused: Sequence[str], reason: Refused, following: str) -> None:
    """Log which precisions are not used and what follows: a warning where one was asked for.

    Args:
        asked: the precision that is asked for, or auto.
        refused: precisions that are not used.
        reason: why.
        following: the precision that is tried next, or fp32, which is never refused.
    """
    log.log(
        logging.INFO if asked == "auto" else logging.WARNING,
        "precision=%s is not used: %s; %s precision=%s",
        ",".join(refused),
        reason,
        "using" if following == "fp32" else "trying",
        following,
    )


def require_enough(samples: int) -> None:
    """Refuse to judge by too few samples.

    Raises:
        Refused: where there are fewer than `LEAST_SAMPLES`.
    """
    if samples < LEAST_SAMPLES:
        held = f"only {samples} samples" if samples else "no samples"
        raise Refused(f"the checkpoint has {held} to check it with, but {LEAST_SAMPLES} are needed")


def worth_trying(asked: str, narrow: Sequence[str], samples: int) -> list[tuple[str, str]]:
    """Precisions to try; none, which is said once for all, with too few samples.

    Args:
        asked: the precision that is asked for, or auto.
        narrow: those in fewer bits that it means, in their order.
        samples: how many there are to check them with.

    Returns:
        Each with the precision that follows where it is refused.
    """
    try:
        if narrow:
            require_enough(samples)
    except Refused as reason:
        say_refused(asked, narrow, reason, "fp32")
        return []
    return list(zip(narrow, [*narrow, "fp32"][1:], strict=True))


def require_same_decisions(
    found: Answer,
    expected: Answer,
    targets: ArrayLike,
    bounds: Bounds,
) -> None:
    """Compare what a form makes of the samples with what float32 makes of them.

    Args:
        found: the answer of the form for N samples.
        expected: that of float32.
        targets: the samples' labels, int64 [N].
        bounds: what is decided by; matches are compared by the thresholds of all sources.

    Raises:
        Refused: where accuracy, labels, what is unknown or matches differ by more than is allowed.
    """
    index, confidence = (np.asarray(each)[:, 0] for each in found[:2])
    full_index, full_confidence = (np.asarray(each)[:, 0] for each in expected[:2])
    unknown, full_unknown = (_unknown(each, bounds.unknown_above) for each in (found, expected))
    count = len(index)
    right, before = (_share(each == np.asarray(targets)) for each in (index, full_index))
    if before - right > LARGEST_LOSS + _ROUNDING:
        raise Refused(f"its accuracy on {count} samples is {right:.4f}, but {before:.4f} in fp32")
    other = _share(index != full_index)
    if other > LARGEST_DIFFERENCE + _ROUNDING:
        raise Refused(f"a share of {other:.4f} of {count} samples gets other labels than in fp32")
    other = _share(unknown != full_unknown)
    if other > LARGEST_DIFFERENCE + _ROUNDING:
        raise Refused(
            f"a share of {other:.4f} of {count} samples is unknown in it or in fp32 alone"
        )
    for thresholds in (bounds.thresholds, *bounds.of_sources):
        least = np.asarray(thresholds, np.float32)
        match = (confidence >= least[index]) & ~unknown
        full_match = (full_confidence >= least[full_index]) & ~full_unknown
        differ = (match != full_match) | (match & (index != full_index))
        matches = int((match | full_match).sum())
        if differ.sum() > LARGEST_DIFFERENCE * matches:
            of = "" if thresholds is bounds.thresholds else " of a source"
            raise Refused(
                f"{int(differ.sum())} of {matches} matches differ from those in fp32 "
                f"({_shown(thresholds)}{of}, {count} samples)"
            )


def _unknown(answer: Answer, above: float) -> NDArray[np.bool_]:
    """Which samples are unknown, bool [N]."""
    novelty = np.asarray(answer[2]) if len(answer) > 2 else np.zeros(len(np.asarray(answer[0])))
    return np.asarray(novelty > above)


def _shown(thresholds: Sequence[float]) -> str:
    least, most = min(thresholds), max(thresholds)
    return f"threshold {least:g}" if least == most else f"thresholds {least:g} to {most:g}"


def _share(chosen: NDArray[np.bool_]) -> float:
    return float(chosen.mean())
