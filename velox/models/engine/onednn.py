"""A network with each convolution, its activation and its residual sum as one oneDNN call.

PyTorch's compiler makes the same calls (`torch/_inductor/fx_passes/mkldnn_fusion.py`), but it needs
a C++ compiler and seconds at each start. Here torch.fx finds the places within milliseconds.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from velox.models.engine.fold import folded
from velox.models.shapes_within import note_shapes, shape_of

_ADDITIONS = (operator.add, operator.iadd, torch.add)
_RELUS = (functional.relu, torch.relu)

Modules = Mapping[str, nn.Module]


class _Activation(NamedTuple):
    """An activation as oneDNN's post-operation: its name, numbers and algorithm."""

    name: str = "none"
    scalars: tuple[float, ...] = ()
    algorithm: str = ""


_NONE = _Activation()
_RELU = _Activation("relu")


def onednn(
    network: nn.Module, input_size: int, *, dtype: torch.dtype = torch.float32
) -> fx.GraphModule:
    """The network with batch normalisations folded and calls fused.

    Args:
        network: takes float32 [N, 3, S, S], is in evaluation mode, and stays as it is.
        input_size: S.
        dtype: of weights and activations, float32 or bfloat16.

    Returns:
        A module that takes `dtype` [N, 3, S, S] and returns what the network does, in `dtype`.

    Raises:
        Exception: of any kind, when torch.fx cannot trace the network or oneDNN cannot run it.
    """
    module = folded(network)
    note_shapes(module, torch.zeros(1, 3, input_size, input_size))
    modules = dict(module.named_modules())
    for node in list(module.graph.nodes):
        conv = _module(node, modules)
        if isinstance(conv, nn.Conv2d) and conv.padding_mode == "zeros":
            _fuse_at(module, node, conv, modules, dtype)
    module.graph.lint()
    module.delete_all_unused_submodules()
    module.recompile()
    return module.to(dtype)


class _Convolution(nn.Module):
    """A convolution and the activation after it."""

    def __init__(self, conv: nn.Conv2d, activation: _Activation, dtype: torch.dtype) -> None:
        super().__init__()
        if isinstance(conv.padding, str):
            raise TypeError(f"padding={conv.padding!r} is not a number")
        self._geometry = (conv.padding, conv.stride, conv.dilation, conv.groups)
        self._activation = activation
        weight = conv.weight.detach().to(dtype)
        self.weight = torch.ops.mkldnn._reorder_convolution_weight(weight, *self._geometry)
        self.bias = None if conv.bias is None else conv.bias.detach().to(dtype)

    def forward(self, images: Tensor) -> Tensor:
        """Convolve [N, C, H, W]."""
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            images, self.weight, self.bias, *self._geometry, *self._activation
        )
        return result


class _ConvolutionPlus(_Convolution):
    """A convolution, the sum with another tensor, and the activation after that."""

    def forward(self, images: Tensor, other: Tensor) -> Tensor:  # type: ignore[override]
        """Convolve [N, C, H, W] and add a tensor of the result's shape."""
        after = self._activation if self._activation != _NONE else (None, (), None)
        result: Tensor = torch.ops.mkldnn._convolution_pointwise.binary(
            images, other, self.weight, self.bias, *self._geometry, "add", 1.0, *after
        )
        return result


def _fuse_at(
    module: fx.GraphModule,
    node: fx.Node,
    conv: nn.Conv2d,
    modules: Modules,
    dtype: torch.dtype,
) -> None:
    """Put one call in the place of a convolution and of what takes its result alone."""
    last, inputs = node, [node.args[0]]
    kind = _Convolution
    activation = _activation_after(last, modules)
    if activation == _NONE and (other := _other_summand(last)) is not None:
        kind = _ConvolutionPlus
        inputs.append(other)
        last = _only_user(last) or last
        # oneDNN follows a sum with no other activation (mkldnn/Conv.cpp).
        if _activation_after(last, modules) == _RELU:
            activation = _RELU
    if activation != _NONE:
        last = _only_user(last) or last
    name = f"onednn_{str(node.target).replace('.', '_')}"
    module.add_submodule(name, kind(conv, activation, dtype))
    with module.graph.inserting_before(last):
        fused = module.graph.call_module(name, tuple(inputs))
    fused.meta = dict(last.meta)
    last.replace_all_uses_with(fused)
    while last is not node:
        previous = next(each for each in last.all_input_nodes if each not in inputs)
        module.graph.erase_node(last)
        last = previous
    module.graph.erase_node(node)


def _module(node: fx.Node, modules: Modules) -> nn.Module | None:
    return modules.get(str(node.target)) if node.op == "call_module" else None


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _activation_after(node: fx.Node, modules: Modules) -> _Activation:
    """The activation that takes the node's result alone, if oneDNN knows it."""
    user = _only_user(node)
    if user is None:
        return _NONE
    if user.op == "call_function" and user.target in _RELUS:
        return _RELU
    match _module(user, modules):
        case nn.ReLU():
            return _RELU
        case nn.Hardtanh() as clamp:  # ReLU6 is one
            return _Activation("hardtanh", (float(clamp.min_val), float(clamp.max_val)))
        case nn.SiLU():
            return _Activation("swish")
        case nn.Hardswish():
            return _Activation("hardswish")
        case nn.GELU() as gelu:
            return _Activation("gelu", (), gelu.approximate)
    return _NONE


def _other_summand(node: fx.Node) -> fx.Node | None:
    """The other tensor of the same shape, where the node's result goes into a sum alone."""
    user = _only_user(node)
    if user is None or user.op != "call_function" or user.target not in _ADDITIONS or user.kwargs:
        return None
    others = [each for each in user.args if each is not node]
    if len(others) != 1 or not isinstance(others[0], fx.Node):
        return None
    shapes = [shape_of(each) for each in (node, others[0])]
    return others[0] if shapes[0] == shapes[1] else None
