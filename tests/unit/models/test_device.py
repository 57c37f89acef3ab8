"""The choice of a device, on machines and cards that are not this one."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from velox.base.errors import SettingError
from velox.models import device
from velox.models.device import runs_on, select_device

CPU = torch.device("cpu")
# What the registry's torch 2.15 with CUDA 13 is built for.
CUDA_13 = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"]
# As c10/cuda/CUDAFunctions.cpp of torch 2.15 has them.
OLD_DRIVER = (
    "The NVIDIA driver on your system is too old (found version 12080). Please update your GPU "
    "driver by downloading and installing a new version"
)
NO_DRIVER = "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU"


def without_cuda(monkeypatch: pytest.MonkeyPatch, reason: str = NO_DRIVER) -> None:
    def init() -> None:
        raise RuntimeError(reason)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", init)


def with_cuda(
    monkeypatch: pytest.MonkeyPatch, count: int, capability: tuple[int, int] = (9, 0)
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device: "Some Card")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: CUDA_13)
    monkeypatch.setattr(torch.version, "cuda", "13.2")


@pytest.mark.parametrize("name", ["auto", "cpu"])
def test_without_cuda_the_cpu_is_taken(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    without_cuda(monkeypatch)
    assert select_device(name) == CPU


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:3"])
def test_cuda_that_is_missing_is_a_bad_setting(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    without_cuda(monkeypatch)
    with pytest.raises(SettingError) as raised:
        select_device(name)
    assert str(raised.value) == f"DEVICE='{name}' is not allowed: there is no usable CUDA device"


@pytest.mark.parametrize(
    ("name", "index"), [("auto", 0), ("cuda", 0), ("cuda:0", 0), ("cuda:1", 1)]
)
def test_with_cuda_the_device_is_taken(
    monkeypatch: pytest.MonkeyPatch, name: str, index: int
) -> None:
    with_cuda(monkeypatch, 2)
    assert select_device(name) == torch.device("cuda", index)
    assert select_device("cpu") == CPU


def test_a_device_beyond_the_last_is_a_bad_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    with_cuda(monkeypatch, 2)
    with pytest.raises(SettingError, match="DEVICE='cuda:2' is not allowed: there are 2 CUDA"):
        select_device("cuda:2")


def test_a_card_that_torch_is_not_built_for_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with_cuda(monkeypatch, 1, capability=(7, 0))
    reason = "Some Card has compute capability 7.0, but this PyTorch is built for sm_75 "
    with caplog.at_level(logging.WARNING):
        assert select_device("auto") == CPU
    assert f"device=cpu although there is a GPU: {reason}" in caplog.text
    with pytest.raises(SettingError, match=reason):
        select_device("cuda")


def test_a_driver_that_is_too_old_is_said_where_there_is_a_card(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    without_cuda(monkeypatch, OLD_DRIVER)
    monkeypatch.setattr(device, "_CARD_FILES", (tmp_path / "nvidiactl",))
    with caplog.at_level(logging.WARNING):
        assert select_device("auto") == CPU
        assert not caplog.text, "a machine without a card has nothing to be warned of"
        (tmp_path / "nvidiactl").touch()
        assert select_device("auto") == CPU
    assert "device=cpu although there is a GPU: " in caplog.text
    assert "driver on your system is too old (found version 12080)" in caplog.text
    with pytest.raises(SettingError, match="too old"):
        select_device("cuda")


@pytest.mark.parametrize(
    ("capability", "built_for", "runs"),
    [
        ((7, 5), CUDA_13, True),
        ((8, 9), CUDA_13, True),
        ((9, 0), CUDA_13, True),
        ((10, 3), CUDA_13, True),
        ((12, 1), CUDA_13, True),
        ((7, 0), CUDA_13, False),
        ((6, 1), CUDA_13, False),
        ((11, 0), CUDA_13, False),
        ((11, 0), [*CUDA_13, "compute_90"], True),
        ((8, 0), ["compute_90"], False),
        ((9, 0), ["sm_90a"], True),
        ((10, 3), ["sm_100a"], False),
        ((10, 3), ["sm_100f"], True),
        ((8, 0), ["gfx90a"], True),
        ((8, 0), [], True),
    ],
)
def test_code_runs_on_cards_of_its_major_version(
    capability: tuple[int, int], built_for: list[str], runs: bool
) -> None:
    assert runs_on(capability, built_for) is runs
