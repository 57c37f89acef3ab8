"""Thresholds with a promise: of the images that a label is matched on, a given share is right.

For each label the images that the network calls so are ordered by confidence, the surest first, and
more and more of them are looked at. Each look asks whether the exact bound of the share of right
ones (`velox.training.exact`) is high enough; the threshold is where the last look before the first
failure ended. To take the best of many looks would promise too much. In a fixed order, ended by the
first failure, all of them together are wrong no more often than one is: fixed-sequence testing, as
in A. N. Angelopoulos et al., "Learn then Test" (2021, arXiv:2110.01052). The looks are where one
more wrong image is borne than at the one before; after the last of these, at each further image.

One wrong label among the surest images would end that at once. So where there are many images, a
second sequence begins further down, and each has half of the doubt.

Of images that show nearly the same only one counts: they are not so many findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from velox.models.measured_thresholds import MeasuredThresholds
from velox.training.calibration import Unseen
from velox.training.exact import DOUBT, least_images, least_share, shows

# From so many times the least number of images on, a second sequence begins at the surest quarter.
# In simulations it finds thresholds there that a first wrong image hides, and fewer below.
MANY, PART = 10, 4


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """From which confidence on a label is matched.

    Attributes:
        at: the confidence; None where no one can promise the precision.
        images: that it was found on: those that are called so, at or above it; without one, those
            of the look that failed.
        right: how many of them.
        missing: without one, how many more images, all right, would be needed at least.
    """

    at: float | None
    images: int
    right: int
    missing: int = 0

    def words(self) -> str:
        """What it was found on, or why there is none."""
        if self.at is not None:
            return (
                f"{self.right} of {self.images} unseen images at or above it are right, "
                f"so at least {least_share(self.right, self.images):.4f} of others (95 %)"
            )
        if wrong := self.images - self.right:
            return (
                f"never matched: of the {self.images} surest unseen images {wrong} "
                f"{'is' if wrong == 1 else 'are'} wrong, so at least {self.missing} more are "
                "needed that are right and as sure"
            )
        return (
            f"never matched: found on {self.images} unseen images, "
            f"at least {self.missing} more are needed"
        )


@dataclass(frozen=True)
class Promise:
    """Thresholds and what they promise.

    Attributes:
        precision: of the matches of each label, with 95 % certainty each.
        thresholds: of each label, in order.
    """

    precision: float
    thresholds: tuple[Threshold, ...]

    def measured(self) -> MeasuredThresholds:
        """What travels with the checkpoint."""
        return MeasuredThresholds(self.precision, tuple(each.at for each in self.thresholds))


def promise_of(unseen: Unseen, temperature: float, precision: float) -> Promise:
    """The threshold of each label.

    Args:
        unseen: what is made of images that nothing was learned from.
        temperature: divides the logits.
        precision: that is to be promised, below 1.
    """
    probabilities = torch.softmax(unseen.logits / temperature, dim=1)
    confidence, called = (each.numpy() for each in probabilities.max(dim=1))
    right = called == unseen.targets
    found = []
    for label in range(probabilities.shape[1]):
        which = np.flatnonzero(called == label)
        which = which[np.unique(unseen.groups[which], return_index=True)[1]]
        found.append(threshold(confidence[which], right[which], precision))
    return Promise(precision, tuple(found))


def threshold(
    confidences: NDArray[np.float32], right: NDArray[np.bool_], precision: float
) -> Threshold:
    """The threshold of one label.

    Args:
        confidences: of the images that are called so, float32 [N].
        right: whether they are, bool [N].
        precision: that is to be promised, below 1.
    """
    order = np.argsort(-confidences, kind="stable")
    sorted_, rights = confidences[order], np.cumsum(right[order])
    images = len(order)
    starts = [0, images // PART] if images >= MANY * least_images(0, precision) else [0]
    doubt = DOUBT / len(starts)
    looks = list(_looks(images, precision, doubt))
    found: list[Threshold] = []
    first: Threshold | None = None
    for start in starts:
        for size in looks:
            if size < start:
                continue
            at = sorted_[size - 1]
            # Images of the same confidence are matched together.
            size = int(np.searchsorted(-sorted_, -at, side="right"))
            good = int(rights[size - 1])
            tried = Threshold(at=float(at), images=size, right=good)
            first = first or tried
            if not shows(good, size, precision, doubt):
                break
            found.append(tried)
    if found:
        return min(found, key=lambda each: each.at or 0.0)
    size, good = (first.images, first.right) if first else (0, 0)
    missing = least_images(size - good, precision, doubt) - size
    return Threshold(at=None, images=size, right=good, missing=missing)


def _looks(images: int, precision: float, doubt: float) -> Iterator[int]:
    """After how many of the surest images to look."""
    wrong = last = 0
    while (size := least_images(wrong, precision, doubt)) < images:
        yield (last := size)
        # Of thousands of images, not each look is worth its time.
        wrong += max(1, wrong // 20)
    # Too few for one more wrong one: as far down as none comes.
    yield from range(last + 1 if last else max(1, images), images + 1)
