"""A network in 8-bit integers: calibrated after training, weights per channel.

It needs a CPU that multiplies bytes into 32 bits at once (VNNI): without, it is no faster, and the
intermediate sums of older instructions can overflow.
"""

from __future__ import annotations

import warnings
from typing import cast

import torch
from torch import Tensor, fx, nn
from torch.ao.quantization import (
    MinMaxObserver,
    QConfig,
    QConfigMapping,
    default_per_channel_weight_observer,
)
from torch.ao.quantization.fx import utils
from torch.ao.quantization.fx.custom_config import PrepareCustomConfig
from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

from velox.models.engine.fold import folded
from velox.models.inner_maps import Whole

ENGINE = "x86"
_CALIBRATION_BATCH = 32


def supported() -> bool:
    """Whether this CPU and this build of PyTorch gain by 8-bit integers."""
    found = torch.cpu.get_capabilities()
    vnni = bool(found.get("avx512_vnni") or found.get("avx_vnni"))
    return vnni and ENGINE in torch.backends.quantized.supported_engines


def int8(network: nn.Module, samples: Tensor) -> nn.Module:
    """The network in 8-bit integers, with float32 at both ends.

    Args:
        network: takes float32 [N, 3, S, S], is in evaluation mode, and stays as it is.
        samples: float32 [N, 3, S, S], whose activations set the ranges.

    Raises:
        Exception: of any kind, when torch.fx cannot trace the network or an operation has no
            form in integers.
    """
    torch.backends.quantized.engine = ENGINE
    module = folded(network)
    settings = QConfigMapping().set_global(_config())
    _take_clamps_as_ranges(module, settings)
    with warnings.catch_warnings():
        # torch.ao.quantization is deprecated in favour of another package; Velox adds none.
        warnings.simplefilter("ignore")
        as_it_is = PrepareCustomConfig().set_non_traceable_module_classes(Whole.__subclasses__())
        prepared = prepare_fx(module, settings, (samples[:1],), prepare_custom_config=as_it_is)
        for batch in torch.split(samples, _CALIBRATION_BATCH):
            prepared(batch)
        converted = cast(nn.Module, convert_fx(prepared))
    # It remembers the device of every network it was ever asked about, and so the network.
    utils.assert_and_get_unique_device.cache_clear()
    return converted


class _Observer(MinMaxObserver):
    """Watches the range of values; with a ceiling, values above it become the ceiling."""

    def __init__(self, ceiling: float | None = None) -> None:
        super().__init__(dtype=torch.quint8, quant_min=0, quant_max=255)
        self._ceiling = ceiling

    def forward(self, values: Tensor) -> Tensor:
        """Note the range of values of any shape."""
        if self._ceiling is not None:
            values = values.clamp(max=self._ceiling)
        return cast(Tensor, super().forward(values))  # type: ignore[no-untyped-call]


def _config(ceiling: float | None = None) -> QConfig:
    return QConfig(  # type: ignore[no-untyped-call]
        activation=_Observer.with_args(ceiling=ceiling),
        weight=default_per_channel_weight_observer,
    )


def _take_clamps_as_ranges(module: fx.GraphModule, settings: QConfigMapping) -> None:
    """Let each ReLU6 after a convolution be a ReLU whose integers end at 6.

    The kernels have a fused form for ReLU alone; the upper bound comes with the largest integer.
    """
    modules = dict(module.named_modules())
    for node in module.graph.nodes:
        clamp = modules.get(str(node.target)) if node.op == "call_module" else None
        if not isinstance(clamp, nn.Hardtanh) or clamp.min_val != 0:
            continue
        before = node.args[0]
        if isinstance(modules.get(str(before.target)), nn.Conv2d) and len(before.users) == 1:
            module.set_submodule(str(node.target), nn.ReLU().eval())
            settings.set_module_name(str(before.target), _config(float(clamp.max_val)))
