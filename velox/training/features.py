"""Features: what the last layer of a network is given for an image."""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch
from torch import Tensor, nn

from velox.base.waiting import Stopped
from velox.training.data.dataset import Dataset, Indices
from velox.training.evaluation import EVALUATION_BATCH, Inputs

# Where a channel hardly varies, batch normalisation blows up how its values were rounded. In
# ImageNet's mobilenet_v2 half precision changes the features of photographs by a tenth, which costs
# nothing, and by four fifths with the statistics of white digits on black, which spoils them.
TRIED, BORNE = 16, 0.15


def last_linear(network: nn.Module, classes: int) -> nn.Linear | None:
    """The layer that answers, None where it is not linear (as of SqueezeNet)."""
    layers = list(network.modules())
    last = next(
        (each for each in reversed(layers) if next(each.parameters(False), None) is not None), None
    )
    return last if isinstance(last, nn.Linear) and last.out_features == classes else None


def features_of(
    network: nn.Module,
    last: nn.Linear,
    data: Dataset,
    rows: Indices,
    *,
    inputs: Inputs,
    stop: threading.Event,
    on_progress: Callable[[int, int], None],
) -> Tensor:
    """What the last layer of a network is given for some images, float32 [len(rows), D].

    In half precision where the machine computes it faster and the network bears it.

    Raises:
        Stopped: when told to stop.
    """
    network.to(inputs.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    half = half_precision(inputs.device)
    given: list[Tensor] = []
    hook = last.register_forward_pre_hook(lambda _layer, args: given.append(args[0].float().cpu()))

    def give(which: Indices, half: torch.dtype | None) -> None:
        pixels, _ = data.take(which)
        with torch.autocast(inputs.device.type, half, enabled=bool(half)):
            network(inputs.of(pixels))

    try:
        with torch.inference_mode():
            if half:
                give(rows[:TRIED], half)
                give(rows[:TRIED], None)
                rounded, exact = given
                given.clear()
                if not (rounded - exact).norm() <= BORNE * exact.norm():
                    half = None
            for first in range(0, len(rows), EVALUATION_BATCH):
                if stop.is_set():
                    raise Stopped("stopped in training; no model was written")
                give(rows[first : first + EVALUATION_BATCH], half)
                on_progress(min(first + EVALUATION_BATCH, len(rows)), len(rows))
    finally:
        hook.remove()
    return torch.cat(given)


def half_precision(device: torch.device) -> torch.dtype | None:
    """The type of 16 bits that a device computes faster than float32, None if there is none."""
    if device.type == "cuda":
        return torch.float16
    found = torch.cpu.get_capabilities()
    return torch.bfloat16 if found.get("avx512_bf16") or found.get("amx_bf16") else None
