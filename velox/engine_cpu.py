"""Which form of a model is fastest on this CPU, found by trying."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

_TRIAL_BATCH = 8
_TRIAL_ROUNDS = 5
_TRIAL_SECONDS = 2.0
# Forms may add up in another order; a probability that moves by more is another model's.
_TOLERANCE = 1e-3

Classify = Callable[[Tensor], tuple[Tensor, Tensor]]
Wrap = Callable[[nn.Module], nn.Module]

log = logging.getLogger(__name__)


def fastest(network: nn.Module, wrap: Wrap, input_size: int) -> Classify:
    """The fastest of a network's forms that compute the same, each timed on one batch.

    A form that a network cannot take, because it cannot be traced, is left out.

    Args:
        network: takes float32 [N, 3, S, S] and is in evaluation mode.
        wrap: makes of a network a module that takes uint8 [N, 3, S, S] and returns indices
            int64 [N] and probabilities float32 [N].
        input_size: S.
    """
    plain = wrap(network)
    generator = torch.Generator().manual_seed(0)
    shape = (_TRIAL_BATCH, input_size, input_size, 3)
    pixels = torch.randint(256, shape, dtype=torch.uint8, generator=generator)
    pixels = pixels.permute(0, 3, 1, 2)
    forms: dict[str, Classify] = {"plain": plain}
    for name, make in (("fused", _fused), ("frozen", _frozen)):
        try:
            form = make(network, wrap, pixels)
            # A trace may have kept the size of its batch as a constant: try another.
            if _agree(form(pixels[:3]), plain(pixels[:3])):
                forms[name] = form
        except Exception as error:
            # Tracing runs the model's own code on stand-ins, so anything may come out.
            log.debug("form=%s does not suit the model: %s", name, error)
    seconds = _seconds(forms, pixels)
    best = min(seconds, key=lambda name: seconds[name])
    rates = " ".join(f"{name}={_TRIAL_BATCH / each:.0f}/s" for name, each in seconds.items())
    log.debug("CPU form chosen=%s %s", best, rates)
    return forms[best]


def _fused(network: nn.Module, wrap: Wrap, _pixels: Tensor) -> Classify:
    """Each batch normalisation folded into the convolution before it."""
    return wrap(fuse(network)).to(memory_format=torch.channels_last)


def _frozen(network: nn.Module, wrap: Wrap, pixels: Tensor) -> Classify:
    """A TorchScript graph with its weights as constants, laid out for oneDNN."""
    with warnings.catch_warnings():
        # TorchScript is deprecated; of what needs no compiler at run time it is the fastest.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(wrap(network), pixels)  # type: ignore[no-untyped-call]
        form: Classify = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
    return form


def _agree(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> bool:
    return torch.allclose(one[1], other[1], atol=_TOLERANCE, rtol=0)


def _seconds(forms: dict[str, Classify], pixels: Tensor) -> dict[str, float]:
    """Each form's best time of a run: what else the machine does can only add to it."""
    times: dict[str, list[float]] = {name: [] for name in forms}
    for form in forms.values():
        form(pixels)
    deadline = time.monotonic() + _TRIAL_SECONDS
    for _ in range(_TRIAL_ROUNDS):
        for name, form in forms.items():
            start = time.perf_counter()
            form(pixels)
            times[name].append(time.perf_counter() - start)
        if time.monotonic() > deadline:
            break
    return {name: min(each) for name, each in times.items()}
