"""What is shown first."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.fakes import candidate
from velox.base.candidates import Candidate
from velox.review.order import MOST_IN_GROUP, grouped


def image(number: int, label: str, confidence: float, reason: str = "below") -> Candidate:
    return replace(candidate(number, label=label), confidence=confidence, reason=reason)


def test_labels_take_turns_and_the_most_doubtful_come_first() -> None:
    images = [
        image(1, "cat", 0.8),
        image(2, "cat", 0.3),
        image(3, "cat", 0.5),
        image(4, "dog", 0.7),
        image(5, "dog", 0.1),
    ]
    order = [group[0].id for group in grouped(images, range(5))]
    assert order == [images[each].id for each in (4, 1, 2, 3, 0)]


def test_what_the_model_knows_nothing_of_comes_before_all() -> None:
    images = [image(1, "cat", 0.1), image(2, "dog", 0.95, "unknown")]
    assert grouped(images, range(2))[0] == [images[1]]


def test_nearly_the_same_is_one_group_where_it_is_called_the_same() -> None:
    images = [image(1, "cat", 0.8), image(2, "cat", 0.3), image(3, "dog", 0.5)]
    groups = grouped(images, [0, 0, 0])
    assert sorted(len(each) for each in groups) == [1, 2]
    assert groups[0] == [images[1], images[0]]


def test_a_large_group_is_several() -> None:
    images = [image(number, "cat", 0.5) for number in range(MOST_IN_GROUP + 3)]
    assert [len(each) for each in grouped(images, [0] * len(images))] == [MOST_IN_GROUP, 3]
