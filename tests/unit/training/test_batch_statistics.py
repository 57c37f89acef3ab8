from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import nn

from velox.base.waiting import Stopped
from velox.training.batch_statistics import renew_statistics
from velox.training.data.dataset import Dataset, Held
from velox.training.evaluation import Inputs

CPU = Inputs(torch.device("cpu"))
COUNT = 128


def pictures() -> Dataset:
    """Dark ones, unlike what the weights know."""
    pixels = np.random.default_rng(5).integers(0, 40, (COUNT, 8, 8, 3)).astype(np.uint8)
    return Dataset(Held(pixels), np.arange(COUNT), np.zeros(COUNT, np.int64), ("dark",))


def test_the_statistics_become_those_of_the_images() -> None:
    layer = nn.BatchNorm2d(3)
    layer.running_mean = torch.full((3,), 100.0)
    network = nn.Sequential(nn.Identity(), layer)
    data = pictures()
    renew_statistics(network, data, inputs=CPU, seed=0, stop=threading.Event())
    given = CPU.of(data.take(np.arange(COUNT))[0])
    assert torch.allclose(layer.running_mean, given.mean(dim=(0, 2, 3)), atol=1e-4)
    assert layer.running_var is not None
    assert torch.allclose(layer.running_var, given.var(dim=(0, 2, 3)), rtol=0.01)
    assert layer.momentum == 0.1
    assert not network.training
    learning = network.train()(given)
    assert torch.allclose(network.eval()(given), learning, atol=0.05)


def test_weights_stay_and_networks_without_them_too() -> None:
    for network in (nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2)), nn.Conv2d(3, 2, 1)):
        before = [each.clone() for each in network.parameters()]
        renew_statistics(network, pictures(), inputs=CPU, seed=0, stop=threading.Event())
        assert all(map(torch.equal, before, network.parameters()))


def test_it_stops_when_told() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped, match="no model was written"):
        renew_statistics(nn.BatchNorm2d(3), pictures(), inputs=CPU, seed=0, stop=stop)
