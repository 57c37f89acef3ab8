from __future__ import annotations

import pytest
import torch
from torch import nn

from velox.models.architectures import build
from velox.training.features import last_linear


@pytest.mark.parametrize("architecture", ["mobilenet_v2", "resnet18", "vit_b_32", "vgg11"])
def test_the_last_layer_is_found(architecture: str) -> None:
    with torch.device("meta"):
        found = last_linear(build(architecture, 5), 5)
    assert isinstance(found, nn.Linear)
    assert found.out_features == 5


def test_a_network_that_ends_otherwise_has_none() -> None:
    assert last_linear(build("squeezenet1_1", 2), 2) is None
