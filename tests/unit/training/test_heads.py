from __future__ import annotations

import torch
from torch import nn

from velox.models.architectures import build
from velox.training.heads import Heads

# Several threads wait for each other longer than these small networks compute.
torch.set_num_threads(1)


def test_inner_maps_are_taught_once_each_and_leave_no_mark_on_the_network() -> None:
    plain, taught = (build("shufflenet_v2_x0_5", 2) for _ in range(2))
    heads = Heads(taught, size=64, classes=2)
    taught.train()(torch.rand(2, 3, 64, 64))
    assert [each.shape for each in heads()] == [(2, 2)] * 3, "maps of 16, 8 and 4 pixels"
    assert taught.state_dict().keys() == plain.state_dict().keys()
    with torch.inference_mode():
        restored = build("shufflenet_v2_x0_5", 2)
        restored.load_state_dict(taught.state_dict())
        batch = torch.rand(1, 3, 64, 64)
        assert torch.equal(taught.eval()(batch), restored.eval()(batch))


def test_a_network_without_maps_has_no_heads() -> None:
    assert Heads(nn.Sequential(nn.Flatten(), nn.Linear(192, 2)), size=8, classes=2)() == []


class Reusing(nn.Module):
    """Has one ReLU for two convolutions, as a block of a ResNet has."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 5, 3, 2, 1), nn.Conv2d(5, 7, 3, 2, 1)
        self.relu, self.last = nn.ReLU(), nn.Linear(7, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.relu(self.second(self.relu(self.first(images))))
        answers: torch.Tensor = self.last(maps.mean(dim=(2, 3)))
        return answers


def test_a_layer_that_is_used_twice_has_no_head_of_its_own() -> None:
    network = Reusing()
    heads = Heads(network, size=32, classes=2)
    network.train()(torch.rand(4, 3, 32, 32))
    assert [each.shape for each in heads()] == [(4, 2)], "one map of 8 pixels, by the convolution"


def test_a_large_residual_network_is_taught() -> None:
    network = build("resnet50", 2)
    heads = Heads(network, size=64, classes=2)
    network.train()(torch.rand(2, 3, 64, 64))
    assert [each.shape for each in heads()] == [(2, 2)] * 3
