"""What training finds out of how unlike its images others are.

The limits are found on images that nothing was learned from: those of validation, or, where the
last layer alone has learned, each image by statistics of the others.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from velox.base.interval import wilson
from velox.models.inner_maps import Joined, beside
from velox.models.novelty import DEVIATIONS, MEANS, measures, novelty, ready
from velox.models.novelty_limits import AUTO, SHARES, NoveltyLimits, least_images
from velox.training.data.dataset import Dataset, Splits
from velox.training.evaluation import Inputs
from velox.training.exact import shows
from velox.training.inner_maps import LEAST_DEVIATION, Seen, crossed, seen, statistics
from velox.training.separation import RECALL, auroc, false_positives

# Images that the statistics are made of, at most.
MOST_IMAGES = 5_000

Scores = NDArray[np.float32]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was found out.

    Attributes:
        tensors: see `velox.models.novelty.Novelty`.
        limits: that known images gave.
        test: the novelty of the test images, float32 [N].
        others: that of images that have none of the labels, float32 [M]; None where none are given.
    """

    tensors: Mapping[str, Tensor]
    limits: NoveltyLimits
    test: Scores
    others: Scores | None

    def beyond(self, scores: Scores, share: float = AUTO) -> float:
        """The share of images that are unknown where so large a share of known ones may be."""
        return float((scores > self.limits.above(share)).mean())

    def figures(self) -> dict[str, str]:
        """What a report says of it, by name."""
        if np.isinf(self.limits.above(AUTO)):
            called = (
                f"none with UNKNOWN=auto: found on {self.limits.images} known images, "
                f"at least {least_images(AUTO)} are needed"
            )
        else:
            share = self.beyond(self.test)
            interval = wilson(round(share * len(self.test)), len(self.test))
            called = (
                f"{share:.4f} of the test images with UNKNOWN=auto, {interval} of others like them "
                "(95 %)"
            )
        found = {"called unknown": called}
        if self.others is not None:
            found["UNKNOWN_PATH"] = (
                f"{len(self.others)} images, {self.beyond(self.others):.4f} called unknown; "
                f"AUROC {auroc(self.test, self.others):.4f}; the test images have a share of "
                f"{false_positives(self.test, self.others):.4f} where these have {RECALL:g}"
            )
        return found


def find(
    network: nn.Module,
    splits: Splits,
    others: Dataset | None,
    *,
    temperature: float,
    learned: tuple[Dataset, Tensor] | None,
    inputs: Inputs,
    seed: int,
    stop: threading.Event,
) -> Found | None:
    """Find out how unlike the training images others are.

    Args:
        network: as it will be used.
        splits: its images.
        others: images that have none of the labels, to measure by.
        temperature: divides the logits.
        learned: where the last layer alone has learned, the images that it learned from, and for
            each the logits of a layer that had not learned from it, float32 [N, C].
        inputs: how images are given to the network.
        seed: of the choice of images, and of the folds.
        stop: ends it early.

    Returns:
        None where the network has no inner maps that could be looked at, which is logged.

    Raises:
        Stopped: when told to stop.
    """
    size = splits.test.take(np.arange(1))[0].shape[1]
    try:
        module = beside(network.eval(), size, Joined())
    except Exception as error:
        # Tracing runs the network's own code on stand-ins, so anything may come out.
        log.info("UNKNOWN cannot be used with this network: %s", error)
        return None
    look = partial(seen, module, inputs=inputs, stop=stop)
    training = splits.training if learned is None else learned[0]
    some = np.sort(np.random.default_rng(seed).permutation(len(training))[:MOST_IMAGES])
    training = training.subset(some)
    known, targets = look(training), torch.from_numpy(training.targets)
    tensors = statistics(known.numbers, targets, len(training.labels))
    by = ready(tensors)
    if learned is None:
        unseen = splits.validation
        usual = measures(by, *look(unseen), temperature)
    else:
        unseen, logits = training, learned[1][torch.from_numpy(some)]
        usual = crossed(Seen(logits, known.numbers), unseen, temperature, seed)
    means, deviations = usual.mean(dim=0), usual.std(dim=0) + LEAST_DEVIATION

    def scores(found: Tensor) -> Scores:
        return np.asarray(novelty(found, means, deviations))

    def of(data: Dataset) -> Scores:
        return scores(measures(by, *look(data), temperature))

    return Found(
        tensors=tensors | {MEANS: means, DEVIATIONS: deviations},
        limits=limits_of(scores(usual), unseen.groups),
        test=of(splits.test),
        others=None if others is None else of(others),
    )


def log_found(found: Found) -> None:
    """Log the figures that matter most."""
    log.info(
        "novelty known_images=%d test_images=%d of_them_unknown=%.4f",
        found.limits.images,
        len(found.test),
        found.beyond(found.test),
    )
    if found.others is not None:
        log.info(
            "UNKNOWN_PATH images=%d auroc=%.4f false_positives=%.4f unknown=%.4f",
            len(found.others),
            auroc(found.test, found.others),
            false_positives(found.test, found.others),
            found.beyond(found.others),
        )


def limits_of(scores: Scores, groups: NDArray[np.int64]) -> NoveltyLimits:
    """The limits that known images give.

    Above a limit lie as many as still show, with 95 % certainty (`velox.training.exact`), that of
    other known images no larger share does. Where too few could show that, none lies above it: of
    N + 1 images each is as likely as the others to be the one of the greatest novelty, so one in
    N + 1 others is expected there.

    Args:
        scores: of images that nothing was learned from.
        groups: the same number for images that are nearly the same, of which one counts.
    """
    once = np.unique(groups, return_index=True)[1]
    falling = np.sort(scores[once])[::-1].astype(np.float32)
    count = len(falling)
    found: list[float | None] = []
    for share in SHARES:
        above = 0
        while shows(count - above - 1, count, 1 - share):
            above += 1
        enough = count >= least_images(share)
        found.append(float(falling[above]) if enough else None)
    return NoveltyLimits(count, tuple(found))
