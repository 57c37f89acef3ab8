"""Names as timm 1.0 writes them; with timm at hand, its own networks are compared."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from velox.models.architectures import build, shapes_of
from velox.models.convert.tensor_names import by_name
from velox.models.convert.timm_names import by_timm_name

# Of `timm.create_model(...).state_dict()`, and the shapes there; the whole lists have 314 and 360.
MOBILENET = {
    "conv_stem.weight": (32, 3, 3, 3),
    "bn1.running_mean": (32,),
    "blocks.0.0.conv_dw.weight": (32, 1, 3, 3),
    "blocks.0.0.bn1.bias": (32,),
    "blocks.0.0.conv_pw.weight": (16, 32, 1, 1),
    "blocks.0.0.bn2.running_var": (16,),
    "blocks.1.0.conv_pw.weight": (96, 16, 1, 1),
    "blocks.1.1.conv_dw.weight": (144, 1, 3, 3),
    "blocks.1.1.bn2.weight": (144,),
    "blocks.1.1.conv_pwl.weight": (24, 144, 1, 1),
    "blocks.5.2.bn3.weight": (160,),
    "blocks.6.0.conv_pwl.weight": (320, 960, 1, 1),
    "conv_head.weight": (1280, 320, 1, 1),
    "bn2.num_batches_tracked": (),
    "classifier.weight": (7, 1280),
}
EFFICIENTNET = {
    "conv_stem.weight": (32, 3, 3, 3),
    "blocks.0.0.se.conv_reduce.weight": (8, 32, 1, 1),
    "blocks.0.0.se.conv_expand.bias": (32,),
    "blocks.0.0.conv_pw.weight": (16, 32, 1, 1),
    "blocks.1.0.se.conv_reduce.bias": (4,),
    "blocks.1.0.conv_pwl.weight": (24, 96, 1, 1),
    "blocks.1.0.bn3.weight": (24,),
    "blocks.4.2.conv_dw.weight": (672, 1, 5, 5),
    "blocks.6.0.conv_pwl.weight": (320, 1152, 1, 1),
    "conv_head.weight": (1280, 320, 1, 1),
    "bn2.weight": (1280,),
    "classifier.bias": (7,),
}


@pytest.mark.parametrize(
    ("architecture", "theirs", "count"),
    [("mobilenet_v2", MOBILENET, 314), ("efficientnet_b0", EFFICIENTNET, 360)],
)
def test_timm_s_names_are_those_tensors(
    architecture: str, theirs: dict[str, tuple[int, ...]], count: int
) -> None:
    shapes = shapes_of(architecture, 7)
    names = by_timm_name(architecture, shapes)
    assert len(names) == len(set(names.values())) == count
    assert {name: tuple(shapes[names[name]]) for name in theirs} == theirs
    own = build(architecture, 7).state_dict()
    renamed = {name: own[names[name]] for name in sorted(names)}
    found = by_name(renamed, architecture, 7)
    assert all(torch.equal(found[name], value) for name, value in own.items())


def test_networks_that_differ_in_more_than_names_are_left_out() -> None:
    for architecture in ("efficientnet_b5", "mobilenet_v3_large", "resnet18"):
        assert by_timm_name(architecture, ["features.0.0.weight"]) == {}


@pytest.mark.parametrize(
    ("theirs", "architecture"),
    [("mobilenetv2_100", "mobilenet_v2"), ("efficientnet_b0", "efficientnet_b0"),
     ("efficientnet_b2", "efficientnet_b2"), ("resnet18", "resnet18"),
     ("densenet121", "densenet121")],
)  # fmt: skip
def test_timm_s_own_networks_answer_the_same(theirs: str, architecture: str) -> None:
    timm = pytest.importorskip("timm", reason="compares with timm itself: pip install timm")
    torch.manual_seed(0)
    network: nn.Module = timm.create_model(theirs, num_classes=7).eval()
    ours = build(architecture, 7)
    ours.load_state_dict(by_name(network.state_dict(), architecture, 7))
    images = torch.rand(2, 3, 97, 97)
    with torch.inference_mode():
        assert torch.equal(ours.eval()(images), network(images))
