"""What inner maps say of an image comes out of the network itself, beside its answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from velox.models.architectures import build
from velox.models.inner_maps import Joined, Pooled, Whole, beside, joined

SIZE = 64


def network_of(architecture: str, size: int = SIZE) -> nn.Module:
    """Random weights, and normalisations that have seen noise."""
    torch.manual_seed(0)
    network = build(architecture, 4)
    network(torch.randn(8, 3, size, size))
    return network.eval()


class Stages(Whole):
    """Each stage on its own."""

    def forward(self, _logits: Tensor, *pooled: Pooled) -> tuple[Pooled, ...]:
        return pooled


@pytest.mark.parametrize(
    ("architecture", "channels"),
    [
        # Of the blocks, what is handed on, and not what is spread out within them.
        ("mobilenet_v2", [24, 32, 64, 160]),
        ("resnet18", [64, 128, 256, 512]),
        ("mobilenet_v3_small", [16, 24, 40, 96]),
        ("efficientnet_b0", [24, 40, 80, 192]),
        ("densenet121", [64, 128, 256, 512]),
    ],
)
@torch.inference_mode()
def test_the_answer_stays_and_the_narrowest_maps_of_each_size_are_summed_up(
    architecture: str, channels: list[int]
) -> None:
    network = network_of(architecture)
    pixels = torch.randn(3, 3, SIZE, SIZE)
    logits, *pooled = beside(network, SIZE, Stages())(pixels)
    np.testing.assert_allclose(logits, network(pixels), atol=1e-5, rtol=1e-5)
    wanted = [[(3, each, 1, 1)] * 2 for each in channels]
    assert [[each.shape for each in stage] for stage in pooled[0]] == wanted


@torch.inference_mode()
def test_the_numbers_are_mean_and_deviation_of_each_channel() -> None:
    network = network_of("mobilenet_v2")
    maps: list[Tensor] = []
    hook = network.get_submodule("features.6").register_forward_hook(
        lambda _block, _inputs, output: maps.append(output)
    )
    pixels = torch.randn(3, 3, SIZE, SIZE)
    network(pixels)
    hook.remove()
    (expected,) = maps
    _, numbers = beside(network, SIZE, Joined())(pixels)
    flat = expected.flatten(2)
    wanted = (flat.mean(2), flat.std(2, correction=0))
    means, deviations = numbers.chunk(2, dim=1)
    for found, each in zip((means, deviations), wanted, strict=True):
        np.testing.assert_allclose(found[:, 24 : 24 + 32], each, atol=1e-4, rtol=1e-4)


class Overwriting(nn.Module):
    """Writes over a map after it was handed on."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, stride=4, padding=1)
        self.next = nn.Conv2d(2, 4, 1)
        self.last = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.conv(images)
        wide = self.next(maps)
        maps.zero_()
        logits: Tensor = self.last(wide.mean(dim=(2, 3)))
        return logits


@torch.inference_mode()
def test_a_map_is_summed_up_before_it_is_written_over() -> None:
    torch.manual_seed(0)
    network = Overwriting().eval()
    pixels = torch.randn(2, 3, 16, 16)
    _, numbers = beside(network, 16, Joined())(pixels)
    expected = network.conv(pixels)
    np.testing.assert_allclose(numbers[:, :2], expected.mean(dim=(2, 3)), atol=1e-5, rtol=1e-5)


def test_a_network_without_maps_is_refused() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 2)).eval()
    with pytest.raises(ValueError, match="it has no inner maps"):
        beside(network, 16, Joined())


class Narrow(Whole):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weights", torch.ones(7))

    def forward(self, _logits: Tensor, *pooled: Pooled) -> Tensor:
        return joined(pooled) @ self.get_buffer("weights")


def test_what_does_not_go_with_the_maps_is_told_at_once() -> None:
    with pytest.raises(RuntimeError):
        beside(network_of("resnet18"), SIZE, Narrow())
