"""What training finds out of how unlike its images others are."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.unit.models.engine.networks import SIZE, images, telling
from velox.base.waiting import Stopped
from velox.models.checkpoint import restore
from velox.models.novelty import DEVIATIONS, MEANS, measures, ready, require_sound
from velox.models.novelty_limits import SHARES
from velox.training.data.dataset import Dataset, Held, Splits
from velox.training.evaluation import Inputs
from velox.training.inner_maps import statistics
from velox.training.novelty import Found, find, limits_of

CPU = Inputs(torch.device("cpu"))
LABELS = ("red_circle", "red_square", "green_circle")


def normal(count: int, wide: int, seed: int = 0) -> Tensor:
    return torch.randn(count, wide, generator=torch.Generator().manual_seed(seed))


def test_the_distance_is_that_of_the_images_own_covariance() -> None:
    """With few numbers and many images it is Mahalanobis's distance by NumPy."""
    targets = torch.arange(4000) % 2
    mixing = torch.tensor([[2.0, 0, 0, 0], [0.5, 1, 0, 0], [0, 0.3, 0.5, 0], [0, 0, 0, 0.5]])
    centres = torch.tensor([[0.0, 0, 0, 0], [5.0, 0, 1, 0]])
    numbers = normal(4000, 4) @ mixing.T + centres[targets]
    found = statistics(numbers, targets, 2)
    tried = normal(100, 4, seed=1) * 4
    distance = measures(ready(found), torch.zeros(100, 2), tried, 1.0)[:, 0].exp()
    away = tried[:, None].numpy() - centres.numpy()
    inverse = np.linalg.inv((mixing @ mixing.T).numpy())
    expected = np.einsum("ncd,de,nce->nc", away, inverse, away).min(axis=1)
    # What hardly varies is not blown up, so distances are a little shorter; their order stays.
    assert np.corrcoef(distance.log(), np.log(expected))[0, 1] > 0.99


def test_a_label_without_images_and_numbers_that_never_vary_do_no_harm() -> None:
    numbers = torch.cat((normal(20, 3), torch.ones(20, 5)), dim=1)
    found = statistics(numbers, torch.zeros(20, dtype=torch.int64), 3)
    require_sound(found | {MEANS: torch.zeros(2), DEVIATIONS: torch.ones(2)}, 3)
    assert torch.isfinite(measures(ready(found), torch.zeros(20, 3), numbers, 1.0)).all()


@pytest.mark.parametrize(
    ("images", "beyond"),
    [
        # With 95 % certainty at most 1 % of others: 299 images with none, 473 with one beyond.
        (99, 0), (298, 0), (299, 0), (472, 0), (473, 1), (627, 1), (628, 2),
    ],
)  # fmt: skip
def test_beyond_a_limit_lie_so_few_known_images_as_show_the_share(images: int, beyond: int) -> None:
    scores = np.random.default_rng(0).permutation(images).astype(np.float32)
    found = limits_of(scores, np.arange(images))
    assert found.images == images
    assert (scores > found.above(0.01)).sum() == beyond


def test_too_few_images_give_no_limit() -> None:
    found = limits_of(np.arange(98, dtype=np.float32), np.arange(98))
    assert dict(zip(SHARES, found.of_shares, strict=True)) == {
        0.001: None, 0.002: None, 0.005: None, 0.01: None, 0.02: 97.0, 0.05: 96.0, 0.1: 93.0,
    }  # fmt: skip


def test_images_that_show_nearly_the_same_count_once() -> None:
    scores = np.array([1.0, 1.0, 5.0, 5.0], np.float32).repeat(100)
    assert limits_of(scores, np.arange(4).repeat(100)).images == 4


def test_limits_keep_their_promise() -> None:
    """Of known images drawn anew, more than 1 % lie beyond in at most one of twenty trainings."""
    random = np.random.default_rng(0)
    broken = 0
    for _ in range(200):
        above = limits_of(random.normal(size=500).astype(np.float32), np.arange(500)).above(0.01)
        broken += (random.normal(size=20_000) > above).mean() > 0.01
    assert broken <= 20


def data(count: int, seed: int) -> Dataset:
    pixels = images(count, seed)
    return Dataset(Held(pixels), np.arange(count), np.arange(count) % len(LABELS), LABELS)


def noise(count: int) -> Dataset:
    pixels = np.random.default_rng(0).integers(256, size=(count, SIZE, SIZE, 3), dtype=np.uint8)
    return Dataset(Held(pixels), np.arange(count), np.zeros(count, np.int64), ())


def found(others: Dataset | None, learned: tuple[Dataset, Tensor] | None = None) -> Found:
    splits = Splits(data(200, 1), data(120, 2), data(60, 3))
    made = find(
        restore(telling("resnet18", passes=1)),
        splits,
        others,
        temperature=1.5,
        learned=learned,
        inputs=CPU,
        seed=0,
        stop=threading.Event(),
    )
    assert made is not None
    return made


def test_images_of_another_kind_are_told_from_known_ones() -> None:
    made = found(noise(40))
    require_sound(made.tensors, len(LABELS))
    assert made.limits.images == 120
    assert made.others is not None
    assert (len(made.test), len(made.others)) == (60, 40)
    assert made.beyond(made.test) <= 0.05
    assert made.beyond(made.others) == 1
    told = made.figures()
    assert told["UNKNOWN_PATH"].startswith("40 images, 1.0000 called unknown; AUROC 1.0000")
    assert "of the test images with UNKNOWN=auto" in told["called unknown"]


def test_where_the_last_layer_alone_has_learned_each_image_is_judged_by_the_others() -> None:
    known = data(200, 1)
    made = found(None, learned=(known, torch.zeros(200, 3)))
    assert made.limits.images == 200
    assert made.others is None
    assert made.figures().keys() == {"called unknown"}


def test_it_can_be_stopped() -> None:
    stop = threading.Event()
    stop.set()
    splits = Splits(data(20, 1), data(10, 2), data(10, 3))
    with pytest.raises(Stopped):
        find(
            restore(telling(passes=1)),
            splits,
            None,
            temperature=1.0,
            learned=None,
            inputs=CPU,
            seed=0,
            stop=stop,
        )
