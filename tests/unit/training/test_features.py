from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import nn

from velox.models.architectures import build
from velox.training import features
from velox.training.data.dataset import Dataset, Held
from velox.training.evaluation import Inputs
from velox.training.features import features_of, last_linear


@pytest.mark.parametrize("architecture", ["mobilenet_v2", "resnet18", "vit_b_32", "vgg11"])
def test_the_last_layer_is_found(architecture: str) -> None:
    with torch.device("meta"):
        found = last_linear(build(architecture, 5), 5)
    assert isinstance(found, nn.Linear)
    assert found.out_features == 5


def test_a_network_that_ends_otherwise_has_none() -> None:
    assert last_linear(build("squeezenet1_1", 2), 2) is None


@pytest.mark.parametrize(("variance", "exact"), [(1.0, False), (1e-9, True)])
def test_half_precision_is_taken_where_the_network_bears_it(
    monkeypatch: pytest.MonkeyPatch, variance: float, exact: bool
) -> None:
    torch.manual_seed(0)
    last = nn.Linear(4, 2)
    norm = nn.BatchNorm2d(4)
    convolution = nn.Conv2d(3, 4, 3)
    with torch.no_grad():
        # Values of about 100 that hardly vary.
        convolution.weight.mul_(1e-4 if exact else 1.0)
        convolution.bias.fill_(100)  # type: ignore[union-attr]
        norm.running_mean.fill_(100)  # type: ignore[union-attr]
        norm.running_var.fill_(variance)  # type: ignore[union-attr]
    network = nn.Sequential(convolution, norm, nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)
    pixels = np.random.default_rng(0).integers(0, 255, (20, 8, 8, 3), dtype=np.uint8)
    data = Dataset(Held(pixels), np.arange(20), np.arange(20) % 2, ("cat", "dog"))

    def found(half: torch.dtype | None) -> torch.Tensor:
        monkeypatch.setattr(features, "half_precision", lambda _device: half)
        return features_of(
            network,
            last,
            data,
            data.rows,
            inputs=Inputs(torch.device("cpu")),
            stop=threading.Event(),
            on_progress=lambda _done, _total: None,
        )

    assert len(found(None)) == 20
    assert torch.equal(found(None), found(torch.bfloat16)) is exact
