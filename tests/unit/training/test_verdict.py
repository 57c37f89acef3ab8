"""Whether a model is good enough."""

from __future__ import annotations

import pytest
import torch

from velox.training.judgement import Judgement, judge
from velox.training.verdict import objection


def found(right: int, count: int, labels: int = 2) -> Judgement:
    """A judgement with equally many images of each label."""
    targets = torch.arange(count) % labels
    predicted = torch.where(torch.arange(count) < right, targets, (targets + 1) % labels)
    logits = 9.0 * torch.nn.functional.one_hot(predicted, labels)
    return judge(logits, targets, labels=tuple("abcdef"[:labels]), temperature=1.0)


@pytest.mark.parametrize(
    ("right", "count", "labels", "good"),
    [(19, 25, 6, True), (10, 10, 2, True), (14, 20, 2, False), (30, 40, 2, True), (3, 3, 2, False)],
)
def test_own_images_ask_for_better_than_the_commonest_label(
    right: int, count: int, labels: int, good: bool
) -> None:
    against = objection(found(right, count, labels), None, least=None, own=True)
    assert (against is None) == good


def test_what_speaks_against_it_is_said_in_figures() -> None:
    assert objection(found(14, 20), None, least=None, own=True) == (
        "it is not surely better than always answering 'a': 0.7000 of 20 test images are right, "
        "which leaves 0.4810 to 0.8545, and 0.5000 would be without a model"
    )


@pytest.mark.parametrize(
    ("test", "crossed", "good"),
    [
        (found(4, 4), found(90, 100), True),
        (found(3, 4), found(52, 100), False),
        (found(0, 4), found(90, 100), False),
        (found(2, 4), found(90, 100), True),
    ],
)
def test_where_test_images_are_few_cross_validation_counts_unless_they_contradict(
    test: Judgement, crossed: Judgement, good: bool
) -> None:
    assert (objection(test, crossed, least=None, own=True) is None) == good


def test_drawn_shapes_and_a_given_least_accuracy_are_what_they_say() -> None:
    assert objection(found(95, 100), None, least=None, own=False) is None
    assert objection(found(94, 100), None, least=None, own=False) == (
        "test accuracy 0.9400 is below MIN_ACCURACY=0.95"
    )
    assert objection(found(0, 100), None, least=0, own=True) is None
    assert "below MIN_ACCURACY=0.995" in str(objection(found(99, 100), None, least=0.995, own=True))
