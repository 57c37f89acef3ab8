"""The device that a model runs on, and why a card that is there cannot be used."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterable
from pathlib import Path

import torch

from velox.base.errors import SettingError

# Of NVIDIA's kernel module: in containers, and in WSL.
_CARD_FILES = (Path("/dev/nvidiactl"), Path("/dev/dxg"))

log = logging.getLogger(__name__)


def select_device(name: str) -> torch.device:
    """The device of a name: auto, cpu, cuda or cuda:N; auto takes CUDA where it can be used.

    Where there is a card and auto takes the CPU, a warning says why.

    Raises:
        SettingError: when CUDA is asked for and cannot be used.
    """
    if name == "cpu":
        return torch.device("cpu")
    device = torch.device("cuda:0" if name in ("auto", "cuda") else name)
    reason = _unusable(device)
    if reason is None:
        return device
    if name != "auto":
        raise SettingError(f"DEVICE={name!r} is not allowed: {reason}")
    if torch.cuda.is_available() or any(path.exists() for path in _CARD_FILES):
        log.warning("device=cpu although there is a GPU: %s", reason)
    return torch.device("cpu")


def _unusable(device: torch.device) -> str | None:
    """Why a CUDA device cannot be used, None if it can."""
    if not torch.cuda.is_available():
        return f"there is no usable CUDA device{_of_the_driver()}"
    if device.index >= (count := torch.cuda.device_count()):
        return f"there are {count} CUDA devices"
    capability, built_for = torch.cuda.get_device_capability(device), torch.cuda.get_arch_list()
    if torch.version.cuda is None or runs_on(capability, built_for):
        return None
    card = torch.cuda.get_device_name(device)
    return (
        f"{card} has compute capability {capability[0]}.{capability[1]}, "
        f"but this PyTorch is built for {' '.join(built_for)}"
    )


def _of_the_driver() -> str:
    """What CUDA says of a driver that it cannot use; nothing where there is no driver at all."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        return "" if "Found no NVIDIA driver" in reason else f": {reason}"
    return ""


def runs_on(capability: tuple[int, int], built_for: Iterable[str]) -> bool:
    """Whether code that was built for these architectures runs on a card.

    A binary runs on cards of its own major version and the same or a later minor one; an
    intermediate form (`compute_`) is compiled for any later card. A name that ends in `a` is for
    that one architecture. Nothing named: nothing known against it.

    Args:
        capability: the card's major and minor version.
        built_for: names as `torch.cuda.get_arch_list` gives them, `sm_75` or `compute_120`.

    Source: CUDA C++ Programming Guide, "Binary Compatibility" and "PTX Compatibility".
    """
    names = [re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", each) for each in built_for]
    known = [(each[1], (int(each[2]), int(each[3])), each[4]) for each in names if each is not None]
    return not known or any(
        version == capability
        or (kind == "sm" and suffix != "a" and version[0] == capability[0] and version < capability)
        or (kind == "compute" and not suffix and version < capability)
        for kind, version, suffix in known
    )
