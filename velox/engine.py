"""The engine: a batch of images in, label indices and confidences out, on the CPU or on CUDA."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from velox import engine_cpu
from velox.allocator import keep_large_buffers
from velox.errors import EngineOutOfMemory, SettingError
from velox.model import Checkpoint, restore

Images = NDArray[np.uint8]
Indices = NDArray[np.int64]
Confidences = NDArray[np.float32]

_WARM_UP_BATCHES = (1, 8, 8)


class Engine(Protocol):
    """What classifies.

    Attributes:
        labels: in the order of the indices that `predict` returns.
        input_size: height and width of the images in pixels.
        digest: the checkpoint's, short.
        architecture: a name of `torchvision.models`.
        device: `cpu` or `cuda:N`.
    """

    labels: tuple[str, ...]
    input_size: int
    digest: str
    architecture: str
    device: str

    def predict(self, batch: Images) -> tuple[Indices, Confidences]:
        """Classify a batch.

        Args:
            batch: uint8 RGB [N, input_size, input_size, 3].

        Returns:
            The index of the most likely label, int64 [N], and its probability, float32 [N].

        Raises:
            EngineOutOfMemory: when the device has no memory for a batch of this size.
        """

    def memory(self) -> dict[str, int]:
        """Bytes on the device by kind (allocated, reserved, total); empty on the CPU."""

    def close(self) -> None:
        """Let go of the model and of the device's memory."""


def select_device(name: str) -> torch.device:
    """The device of a name: auto, cpu, cuda or cuda:N; auto takes CUDA where there is one.

    Raises:
        SettingError: when CUDA is asked for and is not there.
    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    device = torch.device("cuda:0" if name in ("auto", "cuda") else name)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.index >= count:
        found = f"there are {count} CUDA devices" if count else "there is no usable CUDA device"
        raise SettingError(f"DEVICE={name!r} is not allowed: {found}")
    return device


class _Classifier(nn.Module):
    """The whole way on the device: pixels in, most likely label and its probability out."""

    def __init__(self, network: nn.Module, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.network = network
        self.temperature = checkpoint.temperature
        mean = torch.tensor(checkpoint.mean).reshape(1, 3, 1, 1)
        std = torch.tensor(checkpoint.std).reshape(1, 3, 1, 1)
        dtype = next(network.parameters()).dtype
        self.register_buffer("scale", (1 / (255 * std)).to(dtype))
        self.register_buffer("shift", (-mean / std).to(dtype))
        self.scale: Tensor
        self.shift: Tensor

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Classify uint8 [N, 3, S, S]; returns int64 [N] and float32 [N]."""
        images = pixels.to(self.scale.dtype) * self.scale + self.shift
        logits = self.network(images).float()
        confidence, index = torch.softmax(logits / self.temperature, dim=1).max(dim=1)
        return index, confidence


class TorchEngine:
    """An engine that runs a checkpoint with PyTorch; see `Engine`.

    On the CPU it computes in float32, on CUDA in float16 with the last step in float32.

    Args:
        checkpoint: what to run.
        device: where.
        memory_fraction: share of a CUDA device's memory that this process may take; processes
            that share a GPU by time slices are not kept apart by the driver.
    """

    def __init__(
        self, checkpoint: Checkpoint, *, device: torch.device, memory_fraction: float = 1.0
    ) -> None:
        self.labels = checkpoint.labels
        self.input_size = checkpoint.input_size
        self.digest = checkpoint.digest
        self.architecture = checkpoint.architecture
        self.device = str(device)
        self._device = device
        self._pinned: Tensor | None = None
        network = restore(checkpoint)
        if self._cuda:
            torch.cuda.set_per_process_memory_fraction(memory_fraction, device)
            network = network.half().to(memory_format=torch.channels_last)
            self._run: engine_cpu.Classify = _Classifier(network, checkpoint).to(device)
        else:
            keep_large_buffers()
            with torch.inference_mode():
                self._run = engine_cpu.fastest(
                    network, lambda form: _Classifier(form, checkpoint), self.input_size
                )
        blank = np.zeros((max(_WARM_UP_BATCHES), self.input_size, self.input_size, 3), np.uint8)
        for count in _WARM_UP_BATCHES:
            self.predict(blank[:count])

    @property
    def _cuda(self) -> bool:
        return self._device.type == "cuda"

    @torch.inference_mode()
    def predict(self, batch: Images) -> tuple[Indices, Confidences]:
        """Classify a batch; see `Engine.predict`."""
        with _named_out_of_memory(len(batch)):
            pixels = torch.from_numpy(np.ascontiguousarray(batch))
            if self._cuda:
                pixels = self._on_device(pixels)
            # The view [N, 3, S, S] of channels-last memory costs nothing.
            index, confidence = self._run(pixels.permute(0, 3, 1, 2))
            return index.cpu().numpy(), confidence.cpu().numpy()

    def memory(self) -> dict[str, int]:
        """Bytes by kind; see `Engine.memory`."""
        if not self._cuda:
            return {}
        return {
            "allocated": torch.cuda.memory_allocated(self._device),
            "reserved": torch.cuda.memory_reserved(self._device),
            "total": torch.cuda.get_device_properties(self._device).total_memory,
        }

    def close(self) -> None:
        """Let go of the model; see `Engine.close`."""
        self._run = _closed
        self._pinned = None
        if self._cuda:
            torch.cuda.empty_cache()

    def _on_device(self, pixels: Tensor) -> Tensor:
        """Copy through pinned memory, which the device reads by itself."""
        if self._pinned is None or len(self._pinned) < len(pixels):
            self._pinned = torch.empty_like(pixels, pin_memory=True)
        # The last batch's copy has ended: its results have been read.
        staged = self._pinned[: len(pixels)].copy_(pixels)
        return staged.to(self._device, non_blocking=True)


def _closed(_pixels: Tensor) -> tuple[Tensor, Tensor]:
    raise RuntimeError("the engine is closed")


@contextmanager
def _named_out_of_memory(count: int) -> Iterator[None]:
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        torch.cuda.empty_cache()
        raise EngineOutOfMemory(f"no memory for a batch of {count} images") from error
    except RuntimeError as error:
        # The CPU's allocator has no exception of its own (c10/core/impl/alloc_cpu.cpp).
        if "DefaultCPUAllocator: " not in str(error):
            raise
        raise EngineOutOfMemory(f"no memory for a batch of {count} images") from error
