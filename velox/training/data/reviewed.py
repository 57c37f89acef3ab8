"""Images that people have looked at, beside a folder of own images: their verdicts hold."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from velox.training.data.layout import TRAINING
from velox.training.data.listing import Listing

log = logging.getLogger(__name__)


def joined(own: Listing, verdicts: Listing, *, least: int) -> Listing:
    """The files of both, each image once: of the same bytes the verdict's label holds.

    Images with a verdict are of the training's part; they are parted like the others where the
    folder has no parts.

    Args:
        own: of the user's folder.
        verdicts: of an export.
        least: images of a label that only verdicts have, below which it is left out.
    """
    chosen = _enough(own, verdicts, least)
    labels = tuple(sorted({*own.labels, *(verdicts.labels[each] for each in chosen)}))
    said = [
        (verdicts.labels[target], path)
        for target, path in zip(verdicts.targets.tolist(), verdicts.paths, strict=True)
        if target in chosen
    ]
    same = _same_bytes(own.paths, [path for _, path in said])
    rows = [
        (own.labels[target], part, path)
        for target, part, path in zip(
            own.targets.tolist(), own.parts.tolist(), own.paths, strict=True
        )
        if path not in same
    ]
    rows += [(label, TRAINING, path) for label, path in said]
    rows.sort(key=lambda row: labels.index(row[0]))
    log.info("verdicts images=%d labels=%d in_place_of=%d", len(said), len(chosen), len(same))
    return Listing(
        labels=labels,
        paths=[path for _, _, path in rows],
        targets=np.array([labels.index(label) for label, _, _ in rows], np.int64),
        parts=np.array([part for _, part, _ in rows], np.int64),
        layout=own.layout,
        passed_over=own.passed_over | verdicts.passed_over,
    )


def _enough(own: Listing, verdicts: Listing, least: int) -> set[int]:
    """Which of the verdicts' labels can be trained on; the others are said."""
    counts = Counter(verdicts.targets.tolist())
    chosen = set()
    for target, label in enumerate(verdicts.labels):
        if label in own.labels or counts[target] >= least:
            chosen.add(target)
        elif counts[target]:
            log.warning(
                "left out label=%r: it has %d verdicts and no folder; each label needs %d images",
                label,
                counts[target],
                least,
            )
    return chosen


def _same_bytes(own: Sequence[Path], said: Sequence[Path]) -> set[Path]:
    """Which of one's own files hold the same bytes as one with a verdict."""
    sizes = {size for each in said if (size := _size(each)) is not None}
    digests = {_digest(each) for each in said} - {None}
    return {each for each in own if _size(each) in sizes and _digest(each) in digests}


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _digest(path: Path) -> bytes | None:
    """None for a file that cannot be read: whoever decodes it says so."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return None
