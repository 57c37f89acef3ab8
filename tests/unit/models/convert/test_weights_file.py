from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from velox.base.errors import CheckpointError
from velox.models.convert import weights_file

STATE = {"conv.weight": torch.ones(2, 3), "bn.bias": torch.zeros(2)}


def prefixed(prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: value for name, value in STATE.items()}


@pytest.mark.parametrize(
    ("content", "named", "wrapping"),
    [
        (STATE, "", ""),
        (prefixed("module."), "", "module."),
        (prefixed("module._orig_mod."), "", "module._orig_mod."),
        ({"model": STATE, "epoch": 3}, "", "model"),
        ({"model_state_dict": STATE, "loss": 0.1}, "", "model_state_dict"),
        ({"net": STATE}, "", "net"),
        # timm/utils/checkpoint_saver.py, CheckpointSaver._save
        (
            {"epoch": 1, "arch": "resnet18", "state_dict": prefixed("module."), "version": 2},
            "resnet18",
            "state_dict:module.",
        ),
        (
            {"state_dict": prefixed("model."), "hyper_parameters": {"lr": 1}},
            "",
            "state_dict:model.",
        ),
    ],
)
def test_wrappings_are_taken_off(content: Any, named: str, wrapping: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pth")
    found = weights_file.read(tmp_path / "w.pth")
    assert list(found.tensors) == list(STATE)
    assert (found.ordered, found.named, found.wrapping) == (True, named, wrapping)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "holds no state dict"),
        ([1, 2], "holds no state dict"),
        (
            {"epoch": 3, "ema": STATE},
            r"holds no state dict under any of state_dict, .*, but one at content\['ema'\]; if "
            r"that is the one, write it alone: torch\.save\(content\['ema'\], \"weights\.pth\"\)$",
        ),
        (
            {"epoch": 3, "checkpoint": {"loss": 0.1, "model": STATE}},
            r"holds no state dict under any of .*\.save\(content\['checkpoint'\]\['model'\], ",
        ),
        ({"state": {0: {"momentum_buffer": torch.ones(2)}}}, "holds no state dict$"),
    ],
)
def test_what_holds_none_is_named(content: Any, reason: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=rf"w\.pth {reason}"):
        weights_file.read(tmp_path / "w.pth")


def test_a_broken_safetensors_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}surplus")
    with pytest.raises(CheckpointError, match=r"w\.safetensors is no usable safetensors file: its"):
        weights_file.read(tmp_path / "w.safetensors")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"w\.pth cannot be read: No such file"):
        weights_file.read(tmp_path / "w.pth")
