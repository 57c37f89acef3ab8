"""Which images are learned from, which choose the epoch, which judge."""

from __future__ import annotations

import numpy as np
import pytest

from velox.training.data.dataset import Dataset, Held, Splits
from velox.training.data.layout import TEST, TRAINING, VALIDATION
from velox.training.data.split import folds, known, split

LABELS = ("cat", "dog", "owl")


def data_set(targets: list[int], groups: list[int], parts: list[int] | None = None) -> Dataset:
    rows = np.arange(len(targets))
    return Dataset(
        Held(np.zeros((len(rows), 2, 2, 3), np.uint8)),
        rows,
        np.array(targets),
        LABELS,
        np.array(groups),
        np.array(parts or [0] * len(rows)),
    )


def in_groups(sizes: tuple[int, ...]) -> Dataset:
    """Three labels with such groups each."""
    one = np.repeat(np.arange(len(sizes)), sizes)
    groups = np.concatenate([one + 100 * target for target in range(3)])
    return data_set(np.repeat(np.arange(3), len(one)).tolist(), groups.tolist())


def groups_of(parts: Splits) -> list[set[int]]:
    return [set(part.groups.tolist()) for part in parts]


@pytest.mark.parametrize(
    "sizes", [(2,) * 40, (1,) * 30 + (5,) * 4, (30, 1, 1, 1), (10, 10, 10), (3, 1, 1), (50, 3, 2)]
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_group_is_in_one_part_and_each_part_has_each_label(
    sizes: tuple[int, ...], seed: int
) -> None:
    parts = split(in_groups(sizes), hold_out=0.2, seed=seed)
    one, other, third = groups_of(parts)
    assert one.isdisjoint(other)
    assert one.isdisjoint(third)
    assert other.isdisjoint(third)
    assert (np.array([part.counts() for part in parts]) > 0).all()
    assert sum(map(len, parts)) == 3 * sum(sizes)
    assert not len(known(parts.test, parts.training))


def test_pairs_give_the_share_that_single_images_give() -> None:
    parts = split(in_groups((2,) * 50), hold_out=0.2, seed=3)
    assert [len(part) for part in parts] == [240, 30, 30]


def test_one_scene_of_many_images_does_not_push_the_others_out_of_the_training() -> None:
    parts = split(in_groups((1000, *[1] * 50)), hold_out=0.2, seed=0)
    assert min(parts.training.counts()) >= 1000 + 35
    assert min(parts.test.counts()) >= 3


@pytest.mark.parametrize("sizes", [(40,), (30, 10)])
def test_a_label_of_a_single_scene_is_cut_in_the_order_of_names_which_is_counted(
    sizes: tuple[int, ...],
) -> None:
    parts = split(in_groups(sizes), hold_out=0.2, seed=0)
    for part in parts:
        assert (part.counts() > 0).all()
    assert [len(part) for part in parts] == [96, 12, 12]
    for target in range(3):
        rows = parts.test.rows[parts.test.targets == target]
        assert rows.tolist() == list(range(rows[0], rows[0] + len(rows)))
    assert len(known(parts.test, parts.training)) > 0


def test_a_group_with_two_labels_stays_together() -> None:
    targets = [0] * 10 + [1] * 10 + [2] * 10
    groups = [*range(10), 0, 1, *range(12, 30)]
    for seed in range(10):
        one, other, third = groups_of(split(data_set(targets, groups), hold_out=0.4, seed=seed))
        assert one.isdisjoint(other)
        assert one.isdisjoint(third)
        assert other.isdisjoint(third)


def given(*parts: int) -> Dataset:
    """Each label has ten images in each of these parts."""
    targets = np.tile(np.repeat(np.arange(3), 10), len(parts))
    return data_set(
        targets.tolist(), list(range(len(targets))), np.repeat(np.array(parts), 30).tolist()
    )


def test_given_parts_are_used_as_they_are() -> None:
    data = given(TRAINING, VALIDATION, TEST)
    parts = split(data, hold_out=0.2, seed=0)
    assert [part.rows.tolist() for part in parts] == [
        list(range(first, first + 30)) for first in (0, 30, 60)
    ]


def test_without_a_test_part_half_of_the_validation_part_tests() -> None:
    parts = split(given(TRAINING, VALIDATION), hold_out=0.2, seed=0)
    assert parts.training.rows.tolist() == list(range(30))
    assert [part.counts().tolist() for part in parts] == [[10] * 3, [5] * 3, [5] * 3]


def test_without_a_validation_part_some_of_the_training_validates() -> None:
    parts = split(given(TRAINING, TEST), hold_out=0.4, seed=0)
    assert parts.test.rows.tolist() == list(range(30, 60))
    assert [part.counts().tolist() for part in parts] == [[8] * 3, [2] * 3, [10] * 3]


def test_a_given_part_may_lack_a_label() -> None:
    data = given(TRAINING, VALIDATION)
    data = data.subset(np.flatnonzero((data.targets != 1) | (data.parts == TRAINING)))
    parts = split(data, hold_out=0.2, seed=0)
    assert [part.counts().tolist() for part in parts] == [[10] * 3, [5, 0, 5], [5, 0, 5]]


def test_folds_hold_each_label_evenly_and_each_group_once() -> None:
    data = in_groups((4, 3, 2, *[1] * 31))
    fold = folds(data, 5, seed=0)
    for group in set(data.groups.tolist()):
        assert len(set(fold[data.groups == group].tolist())) == 1
    for target in range(3):
        counts = np.bincount(fold[data.targets == target], minlength=5)
        assert counts.min() >= 7
        assert counts.max() <= 9
