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
