from __future__ import annotations

import pytest

from velox.training.recipe import (
    usual_batch_size,
    usual_epochs,
    usual_learning_rate,
    usual_smoothing,
)


@pytest.mark.parametrize("from_weights", [True, False])
def test_more_images_are_seen_in_more_steps_but_not_for_as_many_epochs(from_weights: bool) -> None:
    counts = [20, 200, 2_000, 20_000, 200_000]
    epochs = [usual_epochs(each, own=True, from_weights=from_weights) for each in counts]
    assert epochs == sorted(epochs, reverse=True)
    seen = [each * count for each, count in zip(epochs, counts, strict=True)]
    assert seen == sorted(seen)
    assert seen[0] >= 1_000, "a handful of images needs steps all the same"
    assert epochs[-1] >= 2


def test_known_weights_need_fewer_and_smaller_steps() -> None:
    for images in (200, 6_000):
        assert usual_epochs(images, own=True, from_weights=True) < usual_epochs(
            images, own=True, from_weights=False
        )
        assert usual_learning_rate(images, from_weights=True) < usual_learning_rate(
            images, from_weights=False
        )


def test_drawn_shapes_are_trained_as_they_always_were() -> None:
    for images in (1_600, 100_000):
        assert usual_epochs(images, own=False, from_weights=False) == 6
        assert usual_batch_size(images, own=False) == 16
        assert usual_learning_rate(images, from_weights=False) == 0.005
        assert usual_smoothing(images, from_weights=False) == 0


def test_labels_are_smoothed_where_known_weights_are_shown_thousands_of_images() -> None:
    assert usual_smoothing(200, from_weights=True) == 0
    assert 0 < usual_smoothing(6_400, from_weights=True) < 0.5
