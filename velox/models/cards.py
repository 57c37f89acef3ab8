"""Whether there can be a graphics card, told without PyTorch."""

from __future__ import annotations

from pathlib import Path

# Of the drivers: NVIDIA's, in machines and containers, in WSL and on Jetson, and AMD's.
_DEVICE_FILES = ("nvidiactl", "nvidia0", "dxg", "nvhost-gpu", "nvgpu", "nvmap", "kfd")


def surely_none(device: str, folder: Path = Path("/dev")) -> bool:
    """Whether a device, as DEVICE names it, is the CPU beyond doubt.

    Args:
        device: cpu, auto, cuda or cuda:N.
        folder: where drivers have their files.
    """
    if device == "auto":
        return not any((folder / name).exists() for name in _DEVICE_FILES)
    return device == "cpu"
