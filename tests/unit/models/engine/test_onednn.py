import numpy as np
import pytest
import torch
from torch import nn

from velox.models.architectures import build
from velox.models.engine.onednn import _Convolution, _ConvolutionPlus, onednn

SIZE = 64


def count(network: nn.Module, *kinds: type[nn.Module]) -> int:
    return sum(type(each) in kinds for each in network.modules())


def network_of(architecture: str) -> nn.Module:
    """Random weights, and normalisations that have seen noise."""
    torch.manual_seed(0)
    network = build(architecture, 4)
    for _ in range(2):
        network(torch.randn(8, 3, SIZE, SIZE))
    return network.eval()


@pytest.mark.parametrize(
    ("architecture", "sums"),
    [
        ("mobilenet_v2", 10),
        ("resnet18", 8),
        ("mobilenet_v3_small", 6),
        ("shufflenet_v2_x0_5", 0),
        ("efficientnet_b0", 0),
    ],
)
@torch.inference_mode()
def test_it_computes_what_the_network_does(architecture: str, sums: int) -> None:
    network = network_of(architecture)
    fused = onednn(network, SIZE)
    pixels = torch.randn(3, 3, SIZE, SIZE)
    expected = network(pixels)
    assert (fused(pixels) - expected).norm() < 1e-5 * expected.norm()
    assert count(fused, nn.Conv2d, nn.BatchNorm2d) == 0
    assert count(fused, _ConvolutionPlus) == sums
    assert count(fused, _Convolution) > 0


@pytest.mark.parametrize("architecture", ["mobilenet_v2", "resnet18"])
@torch.inference_mode()
def test_activations_after_convolutions_are_gone(architecture: str) -> None:
    assert count(onednn(network_of(architecture), SIZE), nn.ReLU, nn.ReLU6) == 0


class SharedSum(nn.Module):
    """Its convolution's result goes into a sum and elsewhere, and into a sum of another shape."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        shared = self.first(images)
        summed = shared + shared.relu()
        result: torch.Tensor = self.second(summed) + summed.mean(dim=(2, 3), keepdim=True)
        return result


def test_results_that_are_used_twice_are_not_fused() -> None:
    torch.manual_seed(0)
    network = SharedSum().eval()
    pixels = torch.randn(2, 3, 8, 8)
    with torch.inference_mode():
        fused = onednn(network, 8)
        np.testing.assert_allclose(fused(pixels), network(pixels), atol=1e-5, rtol=1e-5)
    assert count(fused, _ConvolutionPlus) == 0
