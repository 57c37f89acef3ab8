"""Where the parts run, and how much of each: a real GPU, or the CPU that plays one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from bench.checkpoints import Checkpoints
from bench.stack import ALL_CORES
from tests.rig.simulated_cuda import SimulatedCuda
from velox.models.device import select_device


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes:
        trained: architectures that are trained, the first with the settings of every day.
        swaps: of one model for another.
        size: height and width of the model's input in pixels.
        batches: sizes of batch by architecture.
        compiled: of those, the ones that `torch.compile` is tried with: each takes a while.
        at_once: batches of one measurement of the engine.
        seconds: of each comparison.
        batch: size of the batches of the pipeline, of decoding and of a swap.
        image_side: height and width of the encoded images that are decoded and streamed.
        streamed: records of the pipeline.
        partitions: of its topic; the embedded broker keeps 5 MiB of each.
        consumers: processes of the pipeline, and engines that share the device.
    """

    trained: tuple[str, ...]
    swaps: int
    size: int
    batches: dict[str, tuple[int, ...]]
    compiled: tuple[int, ...]
    at_once: int
    seconds: float
    batch: int
    image_side: int
    streamed: int
    partitions: int
    consumers: int


FULL = Scale(
    trained=("mobilenet_v2", "resnet50"),
    swaps=3,
    size=224,
    batches={"mobilenet_v2": (1, 8, 32, 128), "resnet50": (128,)},
    compiled=(128,),
    at_once=8,
    seconds=3.0,
    batch=32,
    image_side=256,
    streamed=60_000,
    partitions=192,
    consumers=8,
)
SMALL = Scale(
    trained=("shufflenet_v2_x0_5",),
    swaps=1,
    size=32,
    batches={"mobilenet_v2": (16,)},
    compiled=(),
    at_once=2,
    seconds=0.0,
    batch=16,
    image_side=64,
    streamed=400,
    partitions=4,
    consumers=1,
)


@dataclass(frozen=True)
class Place:
    """A device, what is measured on it, and what it is measured with.

    Attributes:
        device: for the engine.
        name: of the card.
        setting: DEVICE of the project's scripts here.
        checkpoints: to measure with.
        folder: for files that are gone afterwards.
        entered: a thread that works on the device does so within this.
    """

    device: torch.device
    name: str
    setting: str
    scale: Scale
    checkpoints: Checkpoints
    folder: Path
    entered: Callable[[], AbstractContextManager[None]]

    @property
    def real(self) -> bool:
        """Whether it is a GPU."""
        return self.setting == "cuda"

    @property
    def precision(self) -> str:
        """Of engines that are timed; on no real device fp32, which needs no trial."""
        return "auto" if self.real else "fp32"

    def environment(self, **settings: str) -> dict[str, str]:
        """Of one of the project's scripts: what this process has, and all cores."""
        return {
            **os.environ,
            **ALL_CORES,
            "DEVICE": self.setting,
            "PRECISION": self.precision,
            **settings,
        }


@contextmanager
def place(folder: Path, *, small: bool) -> Iterator[Place]:
    """A GPU of this machine, or, small, a simulated one."""
    checkpoints = Checkpoints(folder / "models")
    if not small:
        device = select_device("cuda")
        name = torch.cuda.get_device_name(device)
        yield Place(device, name, "cuda", FULL, checkpoints, folder, nullcontext)
        return
    simulated, device = SimulatedCuda(), torch.device("cuda", 0)
    # Of networks this small, threads of PyTorch would only wait for each other.
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        simulated.install(patch)
        yield Place(device, "simulated", "cpu", SMALL, checkpoints, folder, simulated)
