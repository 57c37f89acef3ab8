import time
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from velox.training.calibration import Unseen
from velox.training.exact import DOUBT, shows
from velox.training.thresholds import promise_of, threshold


def sure(
    *, wrong: tuple[int, ...] = (), images: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Confidences from 1 down, and which are right: all but those of these ranks."""
    right = np.ones(images, bool)
    right[list(wrong)] = False
    return np.linspace(1, 0.5, images, dtype=np.float32), right


def test_all_images_are_matched_where_all_are_right() -> None:
    confidences, right = sure(images=60)
    found = threshold(confidences, right, 0.95)
    assert (found.at, found.images, found.right) == (0.5, 60, 60)
    assert found.words().startswith(
        "60 of 60 unseen images at or above it are right, so at least 0.95"
    )


def test_too_few_images_promise_nothing_and_say_how_many_are_missing() -> None:
    found = threshold(*sure(images=50), 0.95)
    assert (found.at, found.images, found.missing) == (None, 50, 9)
    assert "found on 50 unseen images, at least 9 more are needed" in found.words()
    assert threshold(*sure(images=0), 0.95).missing == 59


def test_the_threshold_is_above_the_images_that_are_wrong() -> None:
    # 59 right ones are needed, 93 with one that is wrong: the wrong ones lie below.
    confidences, right = sure(wrong=(80, 81, 82), images=90)
    found = threshold(confidences, right, 0.95)
    assert (found.images, found.right) == (80, 80)
    assert found.at == pytest.approx(confidences[79])


def test_a_wrong_one_among_the_surest_is_borne_where_there_are_many_images() -> None:
    few = threshold(*sure(wrong=(3,), images=100), 0.95)
    assert few.at is None
    assert few.missing > 0
    # There are 100 images, but it is the surest that decide.
    assert "of the 59 surest unseen images 1 is wrong, so at least 34 more" in few.words()
    many = threshold(*sure(wrong=(3,), images=1000), 0.95)
    assert many.at == 0.5
    assert shows(many.right, many.images, 0.95, DOUBT / 2)


def test_images_of_one_confidence_are_matched_together() -> None:
    confidences, right = sure(wrong=(99,), images=100)
    confidences[10:] = 0.9
    assert threshold(confidences, right, 0.95).images == 100
    right[60:] = False
    assert threshold(confidences, right, 0.95).at is None


def test_higher_demands_give_higher_thresholds() -> None:
    random = np.random.default_rng(1)
    confidences = random.random(3000).astype(np.float32)
    right = random.random(3000) < 0.8 + 0.2 * confidences
    found = [threshold(confidences, right, each).at or 2.0 for each in (0.85, 0.9, 0.95, 0.999)]
    assert all(one <= other for one, other in pairwise(found))
    assert found[0] < found[2]
    assert found[-1] == 2.0, "nothing is that precise"


def test_many_images_of_a_low_demand_take_no_time() -> None:
    started = time.process_time()
    found = threshold(*sure(wrong=tuple(range(3_000, 4_000)), images=6_000), 0.5)
    assert found.at is not None
    assert found.images == 6_000
    assert time.process_time() - started < 10


@pytest.mark.parametrize("images", [100, 600])
def test_no_more_promises_are_broken_than_one_in_twenty(images: int) -> None:
    """An image of confidence c is right by 0.6 + 0.4 c, so those above t by 0.8 + 0.2 t."""
    random, broken, kept, rounds = np.random.default_rng(0), 0, 0, 400
    for _ in range(rounds):
        confidences = random.random(images).astype(np.float32)
        right = random.random(images) < 0.6 + 0.4 * confidences
        at = threshold(confidences, right, 0.9).at
        broken += at is not None and at < 0.5
        kept += at is not None and at >= 0.5
    # Three standard errors above one in twenty.
    assert broken / rounds < DOUBT + 3 * (DOUBT * (1 - DOUBT) / rounds) ** 0.5
    assert kept > rounds / 10, "it does promise something"


def test_each_label_has_its_own_and_copies_count_once() -> None:
    # Label 0: 60 images, all right. Label 1: the same, but of 10 things that were each taken 6
    # times. Label 2 is never called.
    called = torch.tensor([0] * 60 + [1] * 60)
    logits = 5.0 * torch.nn.functional.one_hot(called, 3)
    groups = np.r_[np.arange(60), 100 + np.arange(60) // 6]
    promise = promise_of(Unseen(logits, called.numpy(), groups), 1.0, 0.95)
    first, second, third = promise.thresholds
    assert first.at == pytest.approx(torch.softmax(logits[0], dim=0).max().item())
    assert (second.at, second.images, second.missing) == (None, 10, 49)
    assert (third.at, third.images, third.missing) == (None, 0, 59)
    assert promise.measured().of_labels == (first.at, None, None)
    assert promise.measured().precision == 0.95
