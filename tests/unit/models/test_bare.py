"""A bare state dict: what the first Velox wrote, fed as it fed it; all others say what they are."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import SGD
from torchvision import models, transforms

from velox.base.errors import CheckpointError
from velox.images.pixels import decode
from velox.models import checkpoint as model

LABELS = ("red_circle", "green_circle")
State = dict[str, torch.Tensor]


def write(folder: Path, content: Any, labels: tuple[str, ...] = LABELS) -> tuple[Path, Path]:
    files = folder / "model.pth", folder / "classes.json"
    torch.save(content, files[0])
    files[1].write_text(json.dumps(dict(enumerate(labels))))
    return files


def drawn(label: str, size: int) -> bytes:
    """A clean shape on grey, as the first Velox drew them."""
    image = np.full((size, size, 3), 128, np.uint8)
    color = (0, 0, 255) if label.startswith("red") else (0, 255, 0)
    cv2.circle(image, (size // 2, size // 2), size // 3, color, -1)
    return cv2.imencode(".png", image)[1].tobytes()


def fed(image: bytes) -> torch.Tensor:
    """What the first Velox made of an image, in training and in serving."""
    pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR_RGB)
    steps = [transforms.ToPILImage(), transforms.Resize(224), transforms.ToTensor()]
    made: torch.Tensor = transforms.Compose(steps)(pixels)
    return made


def network(labels: int = len(LABELS)) -> nn.Module:
    net: nn.Module = models.mobilenet_v2(weights=None, num_classes=labels)
    return net


def trained_as_the_first_velox_did() -> nn.Module:
    """Its last layer alone, by Adam, on whole images at 224.

    To save time the features are computed once: its batch statistics are those of these images.
    """
    torch.manual_seed(0)
    net = network()
    batch = torch.stack([fed(drawn(each, 224)) for each in LABELS])
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None
    with torch.inference_mode():
        net.train()(batch)
        features = net.eval().get_submodule("features")(batch).mean(dim=(2, 3))
    last = net.get_submodule("classifier.1")
    optimizer = torch.optim.Adam(last.parameters(), lr=0.001)
    for _ in range(20):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(last(features.clone()), torch.tensor([0, 1]))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return net


def test_it_is_fed_as_the_first_velox_fed_it(tmp_path: Path) -> None:
    net = trained_as_the_first_velox_did()
    loaded = model.load(*write(tmp_path, net.state_dict()))
    assert (loaded.architecture, loaded.input_size, loaded.labels) == ("mobilenet_v2", 224, LABELS)
    images = [drawn(each, 224) for each in LABELS]
    with torch.inference_mode():
        before = net(torch.stack([fed(each) for each in images])).softmax(dim=1)
    # As every engine feeds a checkpoint (docs/contracts.md), which tests/unit/models/engine holds.
    pixels = np.stack([decode(each, size=loaded.input_size, max_pixels=10**6) for each in images])
    batch = (torch.from_numpy(pixels) / 255 - torch.tensor(loaded.mean)) / torch.tensor(loaded.std)
    with torch.inference_mode():
        now = model.restore(loaded)(batch.permute(0, 3, 1, 2)).softmax(dim=1)
    assert before.argmax(dim=1).tolist() == [0, 1]
    assert torch.allclose(now, before, atol=1e-4)


def test_images_of_another_size_are_nearly_the_same_to_both() -> None:
    """Pillow resizes for the first Velox, OpenCV for this one."""
    image = drawn("red_circle", 512)
    ours = decode(image, size=224, max_pixels=10**6) / 255
    assert np.abs(ours - fed(image).numpy().transpose(1, 2, 0)).mean() < 0.002


def test_how_it_is_fed_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    model.load(*write(tmp_path, network().state_dict()))
    assert "pixels / 255 without normalisation" in caplog.text


@pytest.mark.parametrize(
    ("wrapped", "reason"),
    [
        (
            lambda weights: {f"module.{name}": each for name, each in weights.items()},
            "names all begin with module.;",
        ),
        (
            lambda weights: {f"module._orig_mod.{name}": each for name, each in weights.items()},
            "names all begin with module._orig_mod.;",
        ),
        (
            lambda weights: {"model": weights, "args": argparse.Namespace(lr=0.1), "epoch": 3},
            "its state dict lies under 'model';",
        ),
        (
            lambda weights: {"state_dict": weights, "arch": "mobilenetv2_100"},
            "its state dict lies under 'state_dict';",
        ),
        (
            lambda _: models.resnet18(weights=None, num_classes=2).state_dict(),
            "taken for mobilenet_v2 and is of another architecture;",
        ),
    ],
)
def test_other_people_s_weights_are_told_what_makes_a_checkpoint_of_them(
    wrapped: Callable[[State], Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError) as refused:
        model.load(*write(tmp_path, wrapped(network().state_dict())))
    assert reason in str(refused.value)
    assert "`python -m velox.models.convert` makes a checkpoint of it" in str(refused.value)


@pytest.mark.parametrize(
    ("wrapped", "reason"),
    [
        (
            lambda weights: {"epoch": 3, "weights": weights},
            "if content['weights'] is its state dict, torch.save(content['weights'], ",
        ),
        (
            lambda weights: {"checkpoint": {"loss": 0.1, "model": weights}},
            "if content['checkpoint']['model'] is its state dict, ",
        ),
        (
            lambda weights: SGD([*weights.values()], lr=0.1).state_dict(),
            "neither a model of Velox nor a state dict, but 'state', 'param_groups'",
        ),
        (
            lambda weights: {name: each.to("meta") for name, each in weights.items()},
            "nor a state dict, but 'features.0.0.weight', 'features.0.1.weight', ",
        ),
    ],
)
def test_what_lies_elsewhere_or_nowhere_is_said(
    wrapped: Callable[[State], Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError) as refused:
        model.load(*write(tmp_path, wrapped(network().state_dict())))
    assert reason in str(refused.value)


def test_labels_of_another_number_are_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"mobilenet_v2 with 3 labels needs \[3, 1280\]"):
        model.load(*write(tmp_path, network().state_dict(), ("a", "b", "c")))
