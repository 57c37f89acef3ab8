"""The newest images, whatever the size of the batches that they come in."""

from __future__ import annotations

import numpy as np
import pytest

from velox.monitoring.window import NO_TRUTH, Decided, Window


def decided(first: int, count: int) -> Decided:
    """Images that are told apart by their label."""
    numbers = np.arange(first, first + count)
    return Decided.of(numbers, numbers.astype(np.float32), np.zeros((count, 3), np.float32))


@pytest.mark.parametrize("batch", [1, 3, 10, 25])
def test_the_newest_are_kept_in_their_order(batch: int) -> None:
    window = Window(10)
    for first in range(0, 75, batch):
        window.add(decided(first, batch))
    added = -(-75 // batch) * batch
    assert len(window) == 10
    assert window.newest(10).called.tolist() == list(range(added - 10, added))
    assert window.newest(4).called.tolist() == list(range(added - 4, added))
    assert window.newest(4).confidences.tolist() == list(range(added - 4, added))


def test_fewer_than_asked_for_are_all() -> None:
    window = Window(10)
    assert len(window.newest(5)) == 0
    window.add(decided(0, 3))
    assert window.newest(5).called.tolist() == [0, 1, 2]
    assert (window.newest(5).right == NO_TRUTH).all()


def test_what_was_read_does_not_change_with_what_comes() -> None:
    window = Window(3)
    window.add(decided(0, 3))
    before = window.newest(3)
    window.add(decided(3, 3))
    assert before.called.tolist() == [0, 1, 2]
