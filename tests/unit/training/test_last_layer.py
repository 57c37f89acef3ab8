from __future__ import annotations

import logging
import threading

import numpy as np
import pytest
import torch

from velox.base.terminal import Progress
from velox.base.waiting import Stopped
from velox.models.architectures import build
from velox.training.data.dataset import Dataset, Held
from velox.training.evaluation import Inputs, outputs
from velox.training.last_layer import PENALTIES, fit_last_layer, teach_last_layer

CPU = Inputs(torch.device("cpu"))
QUIET = Progress(open("/dev/null", "w"))  # noqa: SIM115
CLASSES, WIDTH = 3, 20


def clouds(count: int, seed: int, spread: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Features that overlap, with scales that differ a hundredfold, and their labels."""
    centres = np.random.default_rng(0).normal(0, 1, (CLASSES, WIDTH))
    random = np.random.default_rng(seed)
    targets = np.arange(count) % CLASSES
    features = centres[targets] + random.normal(0, spread, (count, WIDTH))
    scales = np.geomspace(0.1, 10, WIDTH)
    return torch.from_numpy(features * scales + 5).float(), torch.from_numpy(targets)


def test_few_images_are_enough_where_features_say_much() -> None:
    features, targets = clouds(30, 1)
    found = fit_last_layer(features, targets, classes=CLASSES, seed=0)
    others, truth = clouds(600, 2)
    right = ((others @ found.weight.T + found.bias).argmax(dim=1) == truth).double().mean()
    assert right > 0.9
    assert found.accuracy == pytest.approx(right.item(), abs=0.15), "cross-validation foretells it"


def test_the_less_features_say_the_more_the_weights_are_held_down() -> None:
    clear, vague = (
        fit_last_layer(*clouds(60, 3, spread), classes=CLASSES, seed=0).penalty
        for spread in (0.3, 4.0)
    )
    assert clear < vague
    assert {clear, vague} <= set(PENALTIES)


def test_the_same_seed_gives_the_same_layer() -> None:
    one, other = (fit_last_layer(*clouds(40, 4), classes=CLASSES, seed=7) for _ in range(2))
    assert torch.equal(one.weight, other.weight)
    assert torch.equal(one.bias, other.bias)


def pictures(count: int) -> Dataset:
    """Stripes that lie or stand, in noise."""
    random = np.random.default_rng(5)
    targets = np.arange(count) % 2
    pixels = random.integers(0, 120, (count, 32, 32, 3))
    for row, target in enumerate(targets):
        at = slice(random.integers(0, 4), None, 4)
        pixels[(row, at) if target else (row, slice(None), at)] += 100
    return Dataset(
        Held(pixels.astype(np.uint8)), np.arange(count), targets.astype(np.int64), ("lie", "stand")
    )


def test_a_network_gets_its_last_layer_in_place_and_nothing_else_changes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    torch.manual_seed(0)
    network = build("shufflenet_v2_x0_5", 2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    data, stop = pictures(60), threading.Event()
    caplog.set_level(logging.INFO)
    teach_last_layer(network, data, inputs=CPU, seed=0, progress=QUIET, stop=stop)
    changed = {
        name for name, value in network.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {"fc.weight", "fc.bias"}
    right = outputs(network, data, inputs=CPU, stop=stop).argmax(dim=1).numpy() == data.targets
    assert right.mean() > 0.8, "random features tell lying from standing"
    assert "images=60" in caplog.text


def test_a_network_that_ends_otherwise_stays_as_it_is() -> None:
    network = build("squeezenet1_1", 2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    teach_last_layer(
        network, pictures(10), inputs=CPU, seed=0, progress=QUIET, stop=threading.Event()
    )
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_it_stops_when_told() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        teach_last_layer(
            build("shufflenet_v2_x0_5", 2),
            pictures(10),
            inputs=CPU,
            seed=0,
            progress=QUIET,
            stop=stop,
        )
