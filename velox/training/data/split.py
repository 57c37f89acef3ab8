"""Which images a network learns from, which choose its epoch, and which judge the result."""

from __future__ import annotations

import numpy as np

from velox.training.data.dataset import Dataset, Indices, Splits
from velox.training.data.layout import TEST, TRAINING, VALIDATION

# Of a label whose images are all nearly the same.
_PIECES = 10


def split(data: Dataset, *, hold_out: float, seed: int) -> Splits:
    """Part a data set: as its folders say, or a share of each label's images at random.

    Images that are nearly the same stay in one part, so that no test image was as good as learned.
    A label of fewer than three such groups is cut in the order of names instead.
    Folders without a test part have half of the validation part for it, and those without a
    validation part a share of the training images.

    Args:
        data: at least three images of each label.
        hold_out: share that is set aside, one half to validate and one half to test; at least one
            image of each label each.
        seed: of the choice.
    """
    random = np.random.default_rng(seed)
    parts = data.parts.copy()
    missing = {VALIDATION, TEST} - set(parts.tolist())
    if missing == {TEST}:
        _deal(data, parts, source=VALIDATION, shares={TEST: 0.5}, random=random)
    elif missing == {VALIDATION}:
        _deal(data, parts, source=TRAINING, shares={VALIDATION: hold_out / 2}, random=random)
    elif missing:
        half = hold_out / 2
        _deal(data, parts, source=TRAINING, shares={VALIDATION: half, TEST: half}, random=random)
    return Splits(*(data.subset(np.flatnonzero(parts == part)) for part in (0, 1, 2)))


def _deal(
    data: Dataset,
    parts: Indices,
    *,
    source: int,
    shares: dict[int, float],
    random: np.random.Generator,
) -> None:
    """Move a share of each label's images from one part to others; `parts` is changed."""
    by_label = grouped(data, np.flatnonzero(parts == source))
    for groups in filter(None, by_label):
        images = sum(map(len, groups))
        if len(groups) <= len(shares):
            groups = np.array_split(np.sort(np.concatenate(groups)), min(images, _PIECES))
        left = [groups[index] for index in random.permutation(len(groups))]
        total = sum(shares.values())
        aside, aside_groups = (
            max(len(shares), round(total * many)) for many in (images, len(groups))
        )
        for done, part in enumerate(sorted(shares)):
            last = done + 1 == len(shares)
            taken = _taken(
                left,
                images=aside if last else aside // 2,
                most=aside_groups if last else aside_groups // 2,
            )
            aside, aside_groups = aside - aside // 2, aside_groups - aside_groups // 2
            parts[np.concatenate(taken)] = part


def _taken(left: list[Indices], *, images: int, most: int) -> list[Indices]:
    """Take groups out of `left`, so many images at most, but one group at least."""
    taken: list[int] = []
    for index, group in enumerate(left):
        if len(taken) < most and len(group) <= images:
            taken.append(index)
            images -= len(group)
    if not taken:
        taken = [min(range(len(left)), key=lambda index: len(left[index]))]
    return [left.pop(index) for index in reversed(taken)]


def grouped(data: Dataset, which: Indices) -> list[list[Indices]]:
    """For each label, the groups of nearly the same images that have it.

    A group with several labels counts for the most frequent one.

    Args:
        data: the images.
        which: int64 [K], the positions to look at.

    Returns:
        For each label a list of groups, each of positions in their order.
    """
    order = which[np.argsort(data.groups[which], kind="stable")]
    ends = np.flatnonzero(np.diff(data.groups[order])) + 1
    by_label: list[list[Indices]] = [[] for _ in data.labels]
    for group in np.split(order, ends) if len(order) else ():
        by_label[int(np.bincount(data.targets[group]).argmax())].append(group)
    return by_label


def known(data: Dataset, training: Dataset) -> Indices:
    """The positions of images that are nearly the same as one of the training, int64 [K]."""
    return np.flatnonzero(np.isin(data.groups, training.groups))


def folds(data: Dataset, count: int, seed: int) -> Indices:
    """Deal a data set into folds, each label evenly, nearly the same images into one.

    Args:
        data: the images.
        count: of the folds.
        seed: of the choice.

    Returns:
        int64 [N], each image's fold.
    """
    random = np.random.default_rng(seed)
    fold = np.zeros(len(data), np.int64)
    for groups in grouped(data, np.arange(len(data))):
        sizes = [0] * count
        offset = int(random.integers(count))
        for index in random.permutation(len(groups)):
            place = min(range(count), key=lambda each: (sizes[each], (each + offset) % count))
            sizes[place] += len(groups[index])
            fold[groups[index]] = place
    return fold
